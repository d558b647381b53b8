import type { createPublicKey, JsonWebKey } from 'node:crypto'
import { type AgentKey, createHeaderFields, importPublicKey } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import type { SignableMessage, SignableRequest } from '../../src/http/message.ts'

/** What became of one vector: `skip` says why it does not apply. */
export type Verdict = 'pass' | { readonly skip: string } | { readonly fail: string }

/** One vector of a suite, not yet understood. */
export interface Vector {
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: the suites describe themselves; judges read what they know
  readonly input: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly expected: any
}

/** A file of vectors. */
export interface Suite {
  readonly suite: string
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly setup?: any
  readonly cases: readonly Vector[]
}

/** Judges one vector of one suite. */
export type JudgeVector = (vector: Vector, suite: Suite) => Verdict | Promise<Verdict>

interface VectorMessage {
  readonly type: 'request' | 'response'
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly target: string
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly trailers?: readonly (readonly [string, string])[]
  readonly request?: VectorMessage
}

/** A message as the suites write it, as the signer and verifier take it. */
export function toSignable(message: VectorMessage): SignableMessage {
  const { trailers, request } = message
  const fields = {
    headers: createHeaderFields(message.headers.flat()),
    ...(trailers === undefined ? {} : { trailers: createHeaderFields(trailers.flat()) }),
  }
  if (message.type === 'request') return toRequest(message, fields)
  return {
    status: message.status,
    ...fields,
    ...(request === undefined ? {} : { request: toSignable(request) as SignableRequest }),
  }
}

/** A key as the suites write it; their private halves are left out. */
export function toAgentKey(jwk: JsonWebKey & { readonly kid?: string }, agentId = 'agent'): AgentKey {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...open } = jwk
  return aKey(importPublicKey({ ...open }, { allowTestKeys: true }), jwk.kid ?? 'key', agentId)
}

/** A key that skips our own import, for vectors about verification alone. */
export function toUncheckedKey(publicKey: ReturnType<typeof createPublicKey>, algorithm: SignatureAlgorithm): AgentKey {
  return aKey({ publicKey, algorithm, thumbprint: 'unchecked', rawPublicKey: undefined }, 'key', 'agent')
}

/** `pass`, or what was expected and came. */
export function compare(expected: unknown, actual: unknown): Verdict {
  const [want, got] = [JSON.stringify(expected), JSON.stringify(actual)]
  return want === got ? 'pass' : { fail: `expected ${want}, got ${got}` }
}

/** The value, or the error. */
export function attempt<Value>(run: () => Value): { readonly value: Value } | { readonly error: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}

function toRequest(message: VectorMessage, fields: Pick<SignableRequest, 'headers' | 'trailers'>): SignableRequest {
  const { method, scheme, target } = message
  return { method, scheme, target, authority: fields.headers.only('host') ?? '', ...fields }
}

function aKey(imported: ReturnType<typeof importPublicKey>, keyId: string, agentId: string): AgentKey {
  return {
    ...imported,
    keyId,
    agent: { id: agentId, state: 'active' },
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}
