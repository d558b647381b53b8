import { type AgentRequest, Refusal } from '@countermark/core'
import { isSafeMethod } from '@countermark/core/internal'
import type { PresentedToken } from './presented-token.ts'

/** Looks for the token of a request in a place of the application's own. */
export type FindToken = (request: AgentRequest) => string | undefined

/**
 * Where the text of a token stands: names of fields, and `@query`. `undefined` when one of the fields occurs more than once:
 * which line counts, readers decide differently.
 */
export function placesOf(text: string, { headers, query }: AgentRequest): readonly string[] | undefined {
  const places = query?.includes(text) === true ? ['@query'] : []
  for (const name of headers.names()) {
    const lines = headers.lines(name)
    if (!lines.some((line) => line.includes(text))) continue
    if (lines.length > 1) return undefined
    places.push(name)
  }
  return places
}

/**
 * Refuses a change that a page of another origin may have caused: browsers send cookies, certificates and passwords by
 * themselves, signatures and DPoP proofs they do not.
 * @throws {@link Refusal} `scheme_not_allowed`
 */
export function requireOwnRequest(
  { field, places }: PresentedToken,
  method: string,
  possession: 'signature' | 'dpop' | 'mtls' | 'none',
): void {
  if (field !== 'other' || isSafeMethod(method) || possession === 'signature' || possession === 'dpop') return
  if (places.some((place) => place !== 'cookie')) return
  const message = 'a token that browsers send by themselves changes nothing: sign the request, or send a DPoP proof'
  throw new Refusal('scheme_not_allowed', message, { credential: 'token' })
}
