import type { TestAgent } from '@countermark/testing'
import { createRandom } from '../measure-risk/random.ts'
import { exchange, sendSigned, wait } from './send.ts'
import type { Stage } from './stage.ts'
import type { StartedDoor } from './start-door.ts'

/** How long after a stop a request of the stopped agent was accepted for the last time. Milliseconds. */
export interface StopOutcome {
  readonly kind: 'agent' | 'key'
  /** From the moment in which the stop was asked for to the moment in which the last accepted request was sent; 0 for none. */
  readonly sinceAsked: number
  /** The same from the answer to the stop on. */
  readonly sinceAnswered: number
  /** How long the answer took. */
  readonly answerMs: number
}

/** What was measured. */
export interface StopsMeasured {
  readonly outcomes: readonly StopOutcome[]
  /** How the doors heard of stops, at the end. */
  readonly links: readonly string[]
  /** Requests of other agents meanwhile, and how many of them were refused. */
  readonly others: { readonly sent: number; readonly refused: number }
}

const EVERY_MS = 20
const ORDER = { method: 'POST', path: '/orders' } as const

/** Stops each agent once, while it and others call every door. */
export async function measureStops(stage: Stage, seed: number): Promise<StopsMeasured> {
  const { doors, agents, others } = stage
  const random = createRandom(seed)
  const load = startLoad(others, doors)
  const outcomes: StopOutcome[] = []
  for (const agent of agents) outcomes.push(await stopOne(stage, agent, random))
  const links = await Promise.all(
    doors.map(async ({ port }) => String((await exchange({ port, method: 'GET', path: '/state' })).body['link'])),
  )
  return { outcomes, links, others: await load.end() }
}

async function stopOne(
  { authority, doors, admin }: Stage,
  agent: TestAgent,
  random: ReturnType<typeof createRandom>,
): Promise<StopOutcome> {
  const probes = doors.map((door) => probe(agent, door))
  await Promise.all(probes.map(({ accepted }) => accepted))
  await wait(random.below(40))
  const kind = random.pick(['agent', 'key'] as const)
  const target = kind === 'agent' ? { kind, agent: agent.agentId } : { kind, key: agent.thumbprint }
  const body = { target, reason: 'measured' }
  const stop = { port: authority.port, method: 'POST', path: '/stops', origin: 'http://authority.test', body }
  const askedMs = performance.now()
  const { status, answeredMs } = await sendSigned(admin, stop)
  if (status !== 201) throw new Error(`the stop was answered ${status}`)
  const last = Math.max(...(await Promise.all(probes.map(({ refused }) => refused))))
  return {
    ...{ kind, answerMs: answeredMs - askedMs },
    ...{ sinceAsked: Math.max(0, last - askedMs), sinceAnswered: Math.max(0, last - answeredMs) },
  }
}

interface Probe {
  /** Resolves once a request was accepted. */
  readonly accepted: Promise<void>
  /** Resolves once one was refused, with the time at which the last accepted one was sent. */
  readonly refused: Promise<number>
}

/** Requests are under way every few milliseconds, whatever the last ones are answered: a slow answer hides nothing. */
function probe(agent: TestAgent, { port }: StartedDoor): Probe {
  let tell: () => void = () => undefined
  const accepted = new Promise<void>((resolve) => {
    tell = resolve
  })
  const run = async (): Promise<number> => {
    let last = 0
    let isRefused = false
    const open = new Set<Promise<void>>()
    while (!isRefused) {
      const sent = sendSigned(agent, { ...ORDER, port }).then(({ status, code, sentMs }) => {
        if (status === 200) {
          last = Math.max(last, sentMs)
          tell()
        } else if (/^(?:agent_suspended|key_revoked)$/.test(code)) isRefused = true
        else throw new Error(`a door answers ${status} ${code}`)
      })
      open.add(sent)
      void sent.finally(() => open.delete(sent)).catch(() => undefined)
      await wait(EVERY_MS)
    }
    await Promise.all(open)
    return last
  }
  return { accepted, refused: run() }
}

/** Calls every door all the while, each with agents that nobody stops. */
export function startLoad(
  agents: readonly TestAgent[],
  doors: readonly StartedDoor[],
): { readonly end: () => Promise<{ readonly sent: number; readonly refused: number }> } {
  let isEnding = false
  let [sent, refused] = [0, 0]
  const running = agents.map(async (agent, index) => {
    const door = doors[index % doors.length]
    while (!isEnding && door !== undefined) {
      const { status } = await sendSigned(agent, { ...ORDER, port: door.port })
      sent += 1
      refused += status === 200 ? 0 : 1
      await wait(20)
    }
  })
  return {
    end: async () => {
      isEnding = true
      await Promise.all(running)
      return { sent, refused }
    },
  }
}
