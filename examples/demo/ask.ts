import { setTimeout as pause } from 'node:timers/promises'
import { type RawResponse, type RequestToSign, rawRequest, sendRaw, type TestAgent } from '@countermark/testing'
import { rawOutcome } from './scene.ts'
import type { Service } from './service.ts'

/** What most scenes about tokens ask for. */
export const READ: RequestToSign = { target: '/customers/user_17' }

/** A request that changes something: so many cents back. */
export function aRefund(amount: unknown, headers: Readonly<Record<string, string>> = {}): RequestToSign {
  const body = JSON.stringify({ amount, currency: 'EUR' })
  return { method: 'POST', target: '/refunds', headers: { 'Content-Type': 'application/json', ...headers }, body }
}

/** Who asks whom, with what. */
export interface Question {
  readonly service: Service
  readonly agent: TestAgent
  readonly token: string
  /** Its target is a path of the service. @default {@link READ} */
  readonly request?: RequestToSign
  /** Where the bytes go, should it be another process of the service. */
  readonly port?: number
}

/** Signs as an agent with a token in `Authorization`, and sends the exact bytes. Nothing is tried again. */
export async function ask({ service, agent, token, request = READ, port }: Question): Promise<RawResponse> {
  const { backend, prefix } = service
  const headers = { ...request.headers, Authorization: `Bearer ${token}` }
  const target = prefix + (request.target ?? '/')
  const signed = await agent.signRequest({ ...request, headers, url: backend.origin, target })
  return sendRaw(port ?? backend.port, rawRequest(signed))
}

/** What becomes of it. */
export async function outcomeOfAsking(question: Question): Promise<string> {
  return rawOutcome(await ask(question))
}

/**
 * What becomes of a request that must be refused, once the same request as it may be has passed: otherwise it could have been
 * refused for any reason.
 */
export async function unlike(fair: Question, foul: Partial<Question>): Promise<string> {
  const first = await outcomeOfAsking(fair)
  return first.startsWith('2') ? outcomeOfAsking({ ...fair, ...foul }) : `what should pass was ${first}`
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 50

/** Asks again and again until the answer is another one than `before`. On a busy machine Redis may be late: no answer yet. */
export async function onceItIsNot(before: string, askAgain: () => Promise<string>): Promise<string> {
  const until = performance.now() + PATIENCE_MS
  while (performance.now() < until) {
    const outcome = await askAgain()
    if (outcome !== before && outcome !== '503 replay_store_unavailable') return outcome
    await pause(PAUSE_MS)
  }
  return `${before}, still`
}
