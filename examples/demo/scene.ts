import { type RawResponse, type RequestToSign, rawRequest, sendRaw, type TestAgent } from '@countermark/testing'
import type { BackendProcess } from './processes.ts'
import type { World } from './world.ts'

/** One thing that happens, and how it must end: a status, and for a refusal its code. */
export interface Scene {
  readonly backend: 'express' | 'koa' | 'both' | 'agent'
  readonly title: string
  readonly expected: string
  /** Left out where the scene needs a second process. */
  readonly needsRedis?: boolean
  readonly play: (world: World) => Promise<string>
}

/** `200`, or `401 replay_detected`: what a scene is compared by. */
export async function outcomeOf(response: Response): Promise<string> {
  const text = await response.text()
  if (response.ok) return String(response.status)
  return `${response.status} ${codeOf(text)}`
}

/** The same for an answer that came over a raw socket. */
export function rawOutcome(response: RawResponse): string {
  return response.status < 400 ? String(response.status) : `${response.status} ${codeOf(response.body.toString())}`
}

/** The first answer that is not the one wanted, or the one wanted: for scenes of several requests. */
export function allOf(outcomes: readonly string[], wanted: string): string {
  return outcomes.find((outcome) => outcome !== wanted) ?? wanted
}

/** Signs as a test agent, perhaps tampers, and sends the exact bytes. */
export async function attack(backend: BackendProcess, agent: TestAgent, request: RequestToSign): Promise<string> {
  const signed = await agent.signRequest({ ...request, url: backend.origin + (request.target ?? '/') })
  return rawOutcome(await sendRaw(backend.port, rawRequest(signed)))
}

function codeOf(body: string): string {
  try {
    return String(JSON.parse(body).code)
  } catch {
    return 'without a code'
  }
}
