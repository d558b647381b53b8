import { hash } from 'node:crypto'
import { type AgentFact, type AgentRequest, type DelegationFact, type ProofFact, Refusal } from '@countermark/core'
import type { KeyedRequest } from './answer-store.ts'

/** Who sends a request with a key. */
export interface KeyHolder {
  readonly agent: AgentFact
  readonly delegation?: DelegationFact | undefined
  readonly proof?: ProofFact | undefined
}

const FIELD = 'idempotency-key'
const KEY = /^[\x20-\x7e]{1,255}$/

/**
 * The value of `Idempotency-Key`; `undefined` without one.
 * @throws {@link Refusal} `request_malformed`, `coverage_insufficient`
 */
export function readKey({ headers }: AgentRequest, proof: ProofFact | undefined): string | undefined {
  if (!headers.has(FIELD)) return undefined
  const key = headers.only(FIELD)
  if (key === undefined || !KEY.test(key)) {
    throw new Refusal('request_malformed', 'Idempotency-Key must be 1 to 255 printable characters')
  }
  // The simple forms cannot cover it; for them the nonce keeps one signature from working twice.
  if (proof === undefined || proof.scheme !== 'httpsig' || proof.covers(FIELD)) return key
  throw new Refusal('coverage_insufficient', `the signature must also cover ${FIELD}`)
}

/** A key belongs to the agent, for the user; it names the whole request. */
export function describeKeyedRequest(
  { method, scheme, authority, target, headers }: AgentRequest,
  { agent, delegation }: KeyHolder,
  { key, body }: { readonly key: string; readonly body: Uint8Array },
): KeyedRequest {
  const content = hash('sha256', body, 'base64url')
  const url = `${scheme}://${authority}${target}`
  return {
    id: hashOf([agent.id, delegation?.issuer, delegation?.subject, key]),
    fingerprint: hashOf([method, url, headers.only('content-type'), headers.only('content-encoding'), content]),
    agentId: agent.id,
  }
}

function hashOf(parts: readonly (string | undefined)[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url')
}
