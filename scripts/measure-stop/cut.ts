import { exchange, sendSigned, wait } from './send.ts'
import type { Stage } from './stage.ts'

/** What a door did while its link to the authority was cut. Milliseconds. */
export interface CutMeasured {
  readonly cutMs: number
  /** From the cut to the first unsafe request that was refused. */
  readonly refusedAfterMs: number
  /** What safe requests were answered at the end of the cut. */
  readonly safe: number
  /** From the healed link to the first answer that knows the stop that was missed. */
  readonly knownAfterMs: number
  /** Whether the stopped agent was let in once after the link had healed. */
  readonly wasLetIn: boolean
}

/** Cuts the link of every door, stops an agent meanwhile, and heals it. */
export async function measureCut(
  { link, doors, agents, admin, authority }: Stage,
  cutMs: number,
): Promise<CutMeasured> {
  const [door] = doors
  const agent = agents.at(-1)
  if (door === undefined || agent === undefined) throw new Error('the stage is empty')
  const order = (method: 'GET' | 'POST') => sendSigned(agent, { port: door.port, method, path: '/orders' })
  if ((await order('POST')).status !== 200) throw new Error('the agent is not let in')
  const begun = performance.now()
  link.cut()
  const until = async (isSo: () => Promise<boolean>): Promise<number> => {
    while (!(await isSo())) await wait(20)
    return performance.now()
  }
  const refused = await until(async () => (await order('POST')).code === 'revocation_unavailable')
  const body = { target: { kind: 'agent', agent: agent.agentId }, reason: 'measured' }
  const stop = { port: authority.port, method: 'POST', path: '/stops', origin: 'http://authority.test', body }
  await sendSigned(admin, stop)
  await wait(Math.max(0, cutMs - (performance.now() - begun)))
  const safe = (await order('GET')).status
  link.heal()
  const healed = performance.now()
  let wasLetIn = false
  const known = await until(async () => {
    const { status, code } = await order('POST')
    wasLetIn ||= status === 200
    return code === 'agent_suspended'
  })
  await exchange({ port: door.port, method: 'GET', path: '/state' })
  return { cutMs, refusedAfterMs: refused - begun, safe, knownAfterMs: known - healed, wasLetIn }
}
