import { type AgentRequest, type DelegationFact, type HeaderField, Refusal } from '@countermark/core'
import { type ChallengeContext, metadataUrl } from '@countermark/core/internal'
import type { CapabilityRules } from './capability-rules.ts'
import type { Holdings } from './holdings.ts'
import type { ScopeTemplate, WantedScope } from './scope-template.ts'

/** A scope of a route, and what it is for this request; `undefined` when nothing can cover it. */
export interface FilledScope {
  readonly template: ScopeTemplate
  readonly wanted: WantedScope | undefined
}

/** What a refusal for want of a scope is made of. */
export interface InsufficientInput {
  readonly holdings: Holdings
  readonly delegation: DelegationFact | undefined
  /** Of several alternatives the first: it is the one that the route's owner would rather see. */
  readonly scopes: readonly FilledScope[]
  /** What earlier checks of this request asked for: a token that lacks it would be refused there. */
  readonly askedBefore: readonly string[]
  readonly takesTokens: boolean
  readonly rules: CapabilityRules
  readonly request: AgentRequest
  /** Marks refusals of one check, so that another one of the same guard does not answer for it. */
  readonly owner: object
}

/** Refuses; its challenge names all scopes that the operation needs (RFC 6750 section 3), its text those that are missing. */
export function insufficientScope(input: InsufficientInput): Refusal {
  const { holdings, scopes, takesTokens, owner } = input
  const isHeld = ({ wanted }: FilledScope): boolean => wanted !== undefined && holdings.covers(wanted)
  const missing = scopes
    .filter((scope) => !isHeld(scope))
    .map(({ template, wanted }) => wanted?.written ?? template.text)
  const hints = { owner, challenge: takesTokens ? writeChallenge(input) : undefined }
  return new Refusal('insufficient_scope', `this asks for ${missing.join(' ')}`, { hints, diagnosis: { missing } })
}

/** The challenge that a check made for its own refusal. */
export function challengeOf(owner: object, { refusal }: ChallengeContext): readonly HeaderField[] {
  const { hints } = refusal
  return hints['owner'] === owner && typeof hints['challenge'] === 'string'
    ? [['WWW-Authenticate', hints['challenge']]]
    : []
}

/** `undefined` where another token would not help: this one has it all, or nothing can cover what is wanted. */
function writeChallenge(input: InsufficientInput): string | undefined {
  const { holdings, delegation, scopes, rules, request, askedBefore } = input
  const wanted = scopes.map((scope) => scope.wanted).filter((scope) => scope !== undefined)
  if (wanted.every((scope) => holdings.tokenCovers(scope))) return undefined
  // Not only what is missing: a client that asks for just that gets a token without the rest, and never comes to an end.
  const scope = [...new Set([...askedBefore, ...wanted.map(({ written }) => written)])].join(' ')
  return challengeFor({ delegation, rules, request }, `error="insufficient_scope", scope="${scope}"`)
}

/** The same refusal with a challenge that asks for a token that has not ended; unchanged where no token was presented. */
export function withTokenChallenge(
  refusal: Refusal,
  input: Pick<InsufficientInput, 'delegation' | 'rules' | 'request' | 'owner'>,
): Refusal {
  if (refusal.code !== 'token_expired' || input.delegation === undefined) return refusal
  const challenge = challengeFor(input, `error="invalid_token", error_description="${refusal.code}"`)
  return new Refusal(refusal.code, refusal.message, { hints: { owner: input.owner, challenge } })
}

function challengeFor(
  { delegation, rules, request }: Pick<InsufficientInput, 'delegation' | 'rules' | 'request'>,
  parameters: string,
): string {
  const scheme = delegation?.binding === 'jkt' ? 'DPoP' : 'Bearer'
  const { resourceMetadata: place } = rules
  const metadata = place === undefined ? '' : `, resource_metadata="${metadataUrl(place, request)}"`
  return `${scheme} realm="${request.authority}", ${parameters}${metadata}`
}
