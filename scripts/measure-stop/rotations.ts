import { createTestAgent, type TestAgent } from '@countermark/testing'
import { sendSigned, wait } from './send.ts'
import type { Stage } from './stage.ts'

/** Requests of an agent that takes new keys all the while. */
export interface RotationsMeasured {
  readonly rotations: number
  readonly sent: number
  readonly refused: readonly string[]
}

const ORIGIN = 'http://authority.test'

/** Agents take new keys in turn while they call every door; a key signs from the moment it counts, and the old one goes on. */
export async function measureRotations(
  { authority, doors, others }: Stage,
  rotations: number,
): Promise<RotationsMeasured> {
  const current = [...others]
  let isEnding = false
  let sent = 0
  const refused: string[] = []
  const running = current.map(async (_agent, index) => {
    for (let turn = index; !isEnding; turn += 1) {
      const [agent, door] = [current[index], doors[turn % doors.length]]
      if (agent === undefined || door === undefined) throw new Error('the stage is empty')
      const { status, code } = await sendSigned(agent, { port: door.port, method: 'POST', path: '/orders' })
      sent += 1
      if (status !== 200) refused.push(`${status} ${code}`)
      await wait(10)
    }
  })
  for (let round = 0; round < rotations; round += 1) {
    // In turn: an agent has at most fifty keys that go on.
    const index = round % current.length
    current[index] = await rotate(current[index], authority.port)
    await wait(10)
  }
  isEnding = true
  await Promise.all(running)
  return { rotations, sent, refused }
}

async function rotate(agent: TestAgent | undefined, port: number): Promise<TestAgent> {
  if (agent === undefined) throw new Error('the stage is empty')
  const keys = `/agents/${agent.agentId}/keys`
  const ask = async (by: TestAgent, path: string, body: object | undefined): Promise<void> => {
    const { status, code } = await sendSigned(by, { port, method: 'POST', path, origin: ORIGIN, body })
    if (status >= 300) throw new Error(`${path} was answered ${status} ${code}`)
  }
  const next = await createTestAgent({ agentId: agent.agentId })
  await ask(agent, keys, { key: next.publicJwk })
  await ask(next, `${keys}/${next.thumbprint}/activation`, undefined)
  return next
}
