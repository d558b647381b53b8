import { randomBytes } from 'node:crypto'
import type { TestAgent } from '@countermark/testing'
import type { Course } from './course.ts'
import { type HostileRequest, inventedAgent, inventedKeyId } from './flood.ts'

/** Good requests a second in every course: one each 60 ms. */
const GOOD_PER_SECOND = 1000 / 60
const PIECE_EVERY_MS = 200

/** Strangers who make the application work: signatures that do not hold, in the name of a registered agent, and slow bodies. */
export function createWorkCourses(registryUrl: string, agents: readonly TestAgent[]): readonly Course[] {
  const [named] = agents
  if (named === undefined) throw new Error('there is no agent to pretend to be')
  const plain = { setup: 'registry', app: { registryUrl } }
  const forged = (): HostileRequest => forgedSignature(named.keyId)
  const times = (factor: number) => ({ perSecond: Math.round(factor * GOOD_PER_SECOND), make: forged })
  return [
    { ...plain, flood: 'forged signatures, 5 for each good request', ...times(5) },
    { ...plain, flood: 'forged signatures, 20 for each good request', ...times(20) },
    { ...plain, flood: '1,000/s forged signatures', perSecond: 1_000, make: forged },
    { ...plain, flood: '50/s slow bodies of 100 kB', perSecond: 50, make: () => slowBody(named.agentId) },
  ]
}

/** A key id that is registered, and a signature that is not its own. */
function forgedSignature(keyId: string): HostileRequest {
  const { headers } = inventedKeyId()
  const input = String(headers['signature-input']).replace(/keyid="[^"]*"/, `keyid="${keyId}"`)
  return { headers: { ...headers, 'signature-input': input } }
}

/** The simple form covers the body, so that the guard has to wait for it: it comes a piece at a time and never ends. */
function slowBody(agentId: string): HostileRequest {
  const { headers } = inventedAgent()
  return {
    method: 'POST',
    headers: { ...headers, 'agent-id': agentId, 'content-type': 'text/plain', 'content-length': 100_000 },
    write: (send) => {
      send(randomBytes(1_000))
      const timer = setInterval(() => send(randomBytes(100)), PIECE_EVERY_MS)
      setTimeout(() => clearInterval(timer), 10_000)
    },
  }
}
