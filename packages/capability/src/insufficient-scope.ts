import { type AgentRequest, type DelegationFact, type HeaderField, Refusal } from '@countermark/core'
import { type ChallengeContext, metadataUrl } from '@countermark/core/internal'
import type { Grants } from './grants.ts'
import type { FilledScope } from './scopes/required-scopes.ts'

/** Of which request a token is asked for. */
export interface ChallengeInput {
  readonly delegation: DelegationFact | undefined
  readonly request: AgentRequest
  /** URL of the RFC 9728 metadata, or its path. */
  readonly resourceMetadata: string | undefined
  /** Marks refusals of one check, so that another one of the same guard does not answer for it. */
  readonly owner: object
}

/** What a refusal for want of a scope is made of. */
export interface InsufficientInput extends ChallengeInput {
  readonly grants: Grants
  /** Of several alternatives the first: it is the one that the route's owner would rather see. */
  readonly scopes: readonly FilledScope[]
  /** What earlier checks of this request required: a token that lacks it would be refused there. */
  readonly askedBefore: readonly string[]
  readonly takesTokens: boolean
}

/** Refuses; its challenge names all scopes that the operation needs (RFC 6750 section 3), its text those that are missing. */
export function insufficientScope(input: InsufficientInput): Refusal {
  const { grants, scopes, takesTokens, owner } = input
  const missing = scopes
    .filter(({ required }) => required === undefined || !grants.covers(required))
    .map(({ template, required }) => required?.written ?? template.text)
  const hints = { owner, challenge: takesTokens ? writeChallenge(input) : undefined }
  return new Refusal('insufficient_scope', `this asks for ${missing.join(' ')}`, { hints, diagnosis: { missing } })
}

/** The challenge that a check made for its own refusal, and where what was filed can be asked about. */
export function challengeOf(owner: object, { refusal }: ChallengeContext): readonly HeaderField[] {
  const { hints } = refusal
  if (hints['owner'] !== owner) return []
  const fields = [
    ['WWW-Authenticate', hints['challenge']],
    ['Location', hints['location']],
  ] as const
  return fields.flatMap(([name, value]): HeaderField[] => (typeof value === 'string' ? [[name, value]] : []))
}

/** `undefined` where another token would not help: this one has it all, or nothing can cover what is required. */
function writeChallenge(input: InsufficientInput): string | undefined {
  const { grants, scopes, askedBefore } = input
  const required = scopes.map((scope) => scope.required).filter((scope) => scope !== undefined)
  if (required.every((scope) => grants.tokenCovers(scope))) return undefined
  // Not only what is missing: a client that asks for just that gets a token without the rest, and never comes to an end.
  const scope = [...new Set([...askedBefore, ...required.map(({ written }) => written)])].join(' ')
  return challengeFor(input, `error="insufficient_scope", scope="${scope}"`)
}

/** The same refusal with a challenge that asks for a token that has not ended; unchanged where no token was presented. */
export function withTokenChallenge(refusal: Refusal, input: ChallengeInput): Refusal {
  if (refusal.code !== 'token_expired' || input.delegation === undefined) return refusal
  const challenge = challengeFor(input, `error="invalid_token", error_description="${refusal.code}"`)
  return new Refusal(refusal.code, refusal.message, { hints: { owner: input.owner, challenge } })
}

function challengeFor({ delegation, request, resourceMetadata: place }: ChallengeInput, parameters: string): string {
  const scheme = delegation?.binding === 'jkt' ? 'DPoP' : 'Bearer'
  const metadata = place === undefined ? '' : `, resource_metadata="${metadataUrl(place, request)}"`
  return `${scheme} realm="${request.authority}", ${parameters}${metadata}`
}
