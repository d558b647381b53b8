import type { Clock } from '@countermark/core'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { AgentFetch } from '../agent-fetch-options.ts'
import type { UnderlyingFetch } from '../fetch/underlying-fetch.ts'
import type { Delay } from '../option-readers.ts'
import { createSignedFetch } from '../signed-fetch.ts'
import { type JsonMembers, readJsonAnswer, within } from '../tokens/token-answer.ts'
import type { IdentityKey } from './identity-store.ts'

/** What the authority answered. */
export interface AuthorityAnswer {
  readonly status: number
  readonly body: JsonMembers
  /** The code of a refusal. */
  readonly code: string | undefined
  /** Seconds, where it says when to ask again. */
  readonly retryAfterSeconds: number | undefined
}

/** One request to the authority. */
export interface AuthorityCall {
  readonly method: 'GET' | 'POST'
  /** Behind the authority's URL. */
  readonly path: string
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

/** Asks the authority, signed with one key or another. @throws AgentFetchError `authority_unavailable` */
export type AskAuthority = (key: IdentityKey, call: AuthorityCall) => Promise<AuthorityAnswer>

/** How it is asked. */
export interface AuthorityApiOptions {
  /** Without `/` at the end. */
  readonly base: string
  readonly agentId: string
  readonly timeoutMs: number
  readonly fetch: UnderlyingFetch | undefined
  readonly clock: Clock
  readonly delay: Delay
}

/** Creates what asks; two keys at most are in use at a time. */
export function createAskAuthority(options: AuthorityApiOptions): AskAuthority {
  const { base, timeoutMs } = options
  const fetches = new Map<string, AgentFetch>()
  const fetchFor = (key: IdentityKey): AgentFetch => {
    const known = fetches.get(key.keyId) ?? signedFetch(key, options)
    fetches.delete(key.keyId)
    fetches.set(key.keyId, known)
    const [oldest] = fetches.keys()
    if (fetches.size > 2 && oldest !== undefined) fetches.delete(oldest)
    return known
  }
  return async (key, { method, path, body, signal: given }) => {
    const deadline = AbortSignal.timeout(timeoutMs)
    const signal = given === undefined ? deadline : AbortSignal.any([deadline, given])
    const content =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const limits = { timeoutMs, signal, noun: 'authority', code: 'authority_unavailable' } as const
    const work = fetchFor(key)(base + path, { method, ...content, redirect: 'manual', signal }).then(readAnswer)
    try {
      return await within(limits, work)
    } catch (error) {
      // What the caller ended is not the authority's fault.
      given?.throwIfAborted()
      throw error
    }
  }
}

async function readAnswer(response: Response): Promise<AuthorityAnswer> {
  const { status, headers } = response
  const body = await readJsonAnswer(response, 'authority', 'authority_unavailable')
  const { code } = body
  if (status >= 500) throw unavailable(`the authority answers with status ${status}`)
  const wait = headers.get('retry-after') ?? ''
  return {
    ...{ status, body, code: typeof code === 'string' ? code : undefined },
    retryAfterSeconds: /^[0-9]{1,6}$/.test(wait) ? Number(wait) : undefined,
  }
}

/** What the authority refuses although it should not. */
export function unexpected({ status, code }: AuthorityAnswer, what: string): AgentFetchError {
  return unavailable(`the authority answers ${what} with ${status} ${code ?? ''}`.trimEnd())
}

function unavailable(message: string): AgentFetchError {
  return new AgentFetchError('authority_unavailable', message)
}

function signedFetch(key: IdentityKey, { agentId, base, fetch, clock, delay }: AuthorityApiOptions): AgentFetch {
  const { privateKey, keyId } = key
  return createSignedFetch({
    ...{ agentId, key: privateKey, keyId, origins: [new URL(base).origin], clock, delay },
    ...(fetch === undefined ? {} : { fetch }),
  })
}
