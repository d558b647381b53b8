import { type Check, defineCheck, type Facts, type MetricRow, Misconfigured } from '@countermark/core'
import { type GuardDescription, then } from '@countermark/core/internal'
import { acceptToken } from './accept-token.ts'
import { tokenChallengeKind, writeTokenChallenge } from './challenge.ts'
import {
  type DelegationSettings,
  readDelegationOptions,
  stateDelegation,
  type VerifyDelegationOptions,
} from './delegation-options.ts'
import type { IssuerSettings } from './issuers/issuer-options.ts'
import { REVOCATION_METRICS, TOKEN_METRICS } from './metric-rows.ts'
import { loadJose } from './token/issuer-signature.ts'
import { createTokenReader, requireCovered } from './token/presented-token.ts'
import { RememberedTokens } from './token/remembered-tokens.ts'
import type { DelegationFacts } from './token/verified-token.ts'
import { createTokenVerifier } from './token/verify-token.ts'

/**
 * Checks for whom the agent acts: the token, who issued it, to whom, for how long, and that its sender may use it. Behind
 * `verifySignature` the token must name the agent that signed; alone it establishes the agent, by no more than the token
 * proves. Answers at once when the token is remembered.
 * @example
 * guard(verifySignature({ keys }), preventReplay({ store }), verifyDelegation({ issuers: [keycloak(url)], audience }))
 * @throws {@link Misconfigured}
 */
export function verifyDelegation(options: VerifyDelegationOptions): Check<object, DelegationFacts> {
  const settings = readDelegationOptions(options)
  const { acceptance, challenge, metadata } = settings
  void loadJose()
  const readToken = createTokenReader(settings.tokenFrom)
  const remembered = new RememberedTokens(createTokenVerifier(settings.tokens), settings.rememberedTokens)
  return defineCheck<object, DelegationFacts>(
    {
      name: 'verifyDelegation',
      needs: [],
      adds: ['agent', 'delegation'],
      settings: stateDelegation(options),
      metadata,
      metrics: tokenMetrics(settings, remembered),
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
      const call = { request, presented, proof, agent, environment }
      return then(remembered.find(presented, call), (token) => acceptToken(token, call, acceptance))
    },
  )
}

/** Behind this check a signature would vouch for an agent that the token does not name. */
function requireSignatureFirst({ checks }: GuardDescription): void {
  const [own, signing] = ['delegation', 'proof'].map((fact) => checks.findIndex(({ adds }) => adds.includes(fact)))
  if (own === undefined || signing === undefined || signing < own) return
  throw new Misconfigured('ERR_CHECK_ORDER', 'verifyDelegation must stand behind the check that verifies signatures')
}

/** What a check of tokens reports, with its issuers, its list of revocations and its source of agents. */
function tokenMetrics({ tokens, acceptance }: DelegationSettings, remembered: RememberedTokens): readonly MetricRow[] {
  const issuers = [...new Set(tokens.issuers.values())]
  const cannotTell = ({ statusLists, introspection }: IssuerSettings): boolean =>
    statusLists?.isFailing() === true || introspection?.isFailing() === true
  return [
    ...TOKEN_METRICS.rowsOf(
      {},
      {
        remembered_tokens: () => remembered.size(),
        degraded: () => (issuers.some(({ keys }) => keys.isFailing()) ? 1 : 0),
      },
    ),
    { ...REVOCATION_METRICS.row('degraded'), read: () => (issuers.some(cannotTell) ? 1 : 0) },
    ...(acceptance.revocations?.metrics ?? []),
    ...(acceptance.agents?.metrics ?? []),
  ]
}
