import {
  type AgentRequest,
  type ChallengeContext,
  type DelegationFact,
  type HeaderField,
  metadataUrl,
  Refusal,
} from '@countermark/core'
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
  readonly takesTokens: boolean
  readonly rules: CapabilityRules
  readonly request: AgentRequest
  /** Marks refusals of one check, so that another one of the same guard does not answer for it. */
  readonly owner: object
}

/** Refuses, naming everything that is missing at once (RFC 6750 section 3.1). */
export function insufficientScope(input: InsufficientInput): Refusal {
  const { holdings, scopes, takesTokens, owner } = input
  const isHeld = ({ wanted }: FilledScope): boolean => wanted !== undefined && holdings.covers(wanted)
  const missing = scopes.filter((scope) => !isHeld(scope)).map(({ template, wanted }) => wanted?.text ?? template.text)
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
function writeChallenge({ holdings, delegation, scopes, rules, request }: InsufficientInput): string | undefined {
  const wanted = scopes.map((scope) => scope.wanted).filter((scope) => scope !== undefined)
  const missing = wanted.filter((scope) => !holdings.tokenCovers(scope))
  if (missing.length === 0) return undefined
  const scope = missing.map(({ text }) => text).join(' ')
  const scheme = delegation?.binding === 'jkt' ? 'DPoP' : 'Bearer'
  const { resourceMetadata: place } = rules
  const metadata = place === undefined ? '' : `, resource_metadata="${metadataUrl(place, request)}"`
  return `${scheme} error="insufficient_scope", scope="${scope}"${metadata}`
}
