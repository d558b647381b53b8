import { type Check, defineCheck, type Facts, type MetricRow, Misconfigured } from '@countermark/core'
import { type GuardDescription, isThenable, readMetrics, stateSettings } from '@countermark/core/internal'
import { type AcceptanceRules, acceptToken } from './accept-token.ts'
import { tokenChallengeKind, writeTokenChallenge } from './challenge.ts'
import { readDelegationOptions, STATED_OPTIONS, type VerifyDelegationOptions } from './delegation-options.ts'
import { type IssuerSettings, stateIssuer } from './issuers/issuer-options.ts'
import { REVOCATION_SERVICE_ROW, TOKEN_METRIC_ROWS } from './metric-rows.ts'
import { loadJose } from './token/jws-key.ts'
import { createTokenReader, requireCovered } from './token/presented-token.ts'
import { createRememberedTokens, type RememberedTokens } from './token/remembered-tokens.ts'
import type { DelegationFacts } from './token/verified-token.ts'
import { createTokenVerifier } from './token/verify-token.ts'

/**
 * Checks for whom the agent acts: the token, who issued it, to whom, for how long, and that whoever sends it may. Behind
 * `verifySignature` the token must name the agent that signed; alone it establishes the agent, by no more than the token
 * proves. Answers at once when the token is remembered.
 * @example
 * guard(verifySignature({ keys }), preventReplay({ store }), verifyDelegation({ issuers: [keycloak(url)], audience }))
 * @throws {@link Misconfigured}
 */
export function verifyDelegation(options: VerifyDelegationOptions): Check<object, DelegationFacts> {
  const { tokenFrom, tokens, acceptance, challenge, metadata, rememberedTokens } = readDelegationOptions(options)
  void loadJose()
  const readToken = createTokenReader(tokenFrom)
  const remembered = createRememberedTokens(createTokenVerifier(tokens), rememberedTokens)
  return defineCheck<object, DelegationFacts>(
    {
      name: 'verifyDelegation',
      needs: [],
      adds: ['agent', 'delegation'],
      settings: { ...stateSettings(options, STATED_OPTIONS), issuers: options.issuers.map(stateIssuer) },
      metadata,
      metrics: tokenMetrics({ issuers: [...new Set(tokens.issuers.values())], remembered, acceptance }),
      challenge: (context) => writeTokenChallenge(context, challenge),
      challengeKind: (refusal, request) => tokenChallengeKind(refusal, request, challenge),
      inspect: (guard) => {
        requireSignatureFirst(guard)
        const { clock } = guard
        if (clock === undefined) return
        options.dpop?.store.useClock?.(clock)
        options.revocations?.useClock(clock)
      },
    },
    (request, facts, environment) => {
      const { agent, proof }: Partial<Facts> = facts
      const presented = readToken(request)
      requireCovered(presented, request, proof)
      const call = { request, presented, proof, agent }
      const token = remembered.find(presented, environment, request)
      if (!isThenable(token)) return acceptToken(token, call, acceptance, environment)
      return token.then((verified) => acceptToken(verified, call, acceptance, environment))
    },
  )
}

/** Behind us a signature would vouch for an agent that the token does not name. */
function requireSignatureFirst({ checks }: GuardDescription): void {
  const [own, signing] = ['delegation', 'proof'].map((fact) => checks.findIndex(({ adds }) => adds.includes(fact)))
  if (own === undefined || signing === undefined || signing < own) return
  throw new Misconfigured('ERR_CHECK_ORDER', 'verifyDelegation must stand behind the check that verifies signatures')
}

/** What the metrics of one check of tokens are read from. */
export interface MeasuredTokens {
  readonly issuers: readonly IssuerSettings[]
  readonly remembered: RememberedTokens
  readonly acceptance: AcceptanceRules
}

/** What a check of tokens reports, with its issuers, its list of revocations and its source of agents. */
export function tokenMetrics({ issuers, remembered, acceptance }: MeasuredTokens): readonly MetricRow[] {
  const { revocations, agents } = acceptance
  const isUntold = ({ statusLists, introspection }: IssuerSettings): boolean =>
    statusLists?.isFailing() === true || introspection?.isFailing() === true
  return [
    ...readMetrics(TOKEN_METRIC_ROWS, {
      remembered_tokens: remembered.size,
      degraded: () => (issuers.some(({ keys }) => keys.isFailing()) ? 1 : 0),
    }),
    { ...REVOCATION_SERVICE_ROW, read: () => (issuers.some(isUntold) ? 1 : 0) },
    ...(revocations?.metrics ?? []),
    ...(agents?.metrics ?? []),
  ]
}
