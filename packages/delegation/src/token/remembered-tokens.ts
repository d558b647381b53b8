import { type Environment, type Measurement, Unavailable } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import { LRUCache } from 'lru-cache'
import type { AgentLookup } from '../chain/known-agents.ts'
import type { IssuerKey } from '../issuers/key-set.ts'
import { TOKEN_METRICS, type TokenLabels } from '../metric-rows.ts'
import { MAX_TOKEN_LENGTH, type PresentedToken } from './presented-token.ts'
import type { VerifiedToken } from './verified-token.ts'
import type { VerifyToken } from './verify-token.ts'

/** Tokens that verified, for one verifier. */
export interface RememberedTokens {
  /** The token that was presented: at once when it is remembered, and its issuer still has the key it is signed with. */
  readonly find: (presented: PresentedToken, lookup: AgentLookup) => VerifiedToken | Promise<VerifiedToken>
  readonly size: () => number
}

const MAX_UNDER_WAY = 256
/** What a token may weigh on average before fewer are remembered: an agent that may hand on makes as many as it likes. */
const CHARACTERS_EACH = 2048

/**
 * Puts a memory in front of verification. Each verifier has its own, so that what one of them was told to accept means
 * nothing to another. Tokens are kept under a hash of their text, of which there is one spelling only: others do not parse.
 * Callers of one token share one verification, and refusals are not remembered.
 */
export function createRememberedTokens(verifyToken: VerifyToken, maxTokens: number): RememberedTokens {
  const memory = maxTokens === 0 ? undefined : createMemory(maxTokens)
  const underWay = new Map<string, Promise<VerifiedToken>>()

  function start({ hash, text }: PresentedToken, lookup: AgentLookup): Promise<VerifiedToken> {
    const { report } = lookup.environment
    const known = underWay.get(hash)
    if (known !== undefined) return known
    if (underWay.size >= MAX_UNDER_WAY) {
      report(COUNTERS.overloaded)
      throw new Unavailable('overloaded', 'tokens', 'too many tokens are being verified')
    }
    const verification = verifyToken(text, lookup)
    underWay.set(hash, verification)
    const land = (result: 'verified' | 'refused'): void => {
      underWay.delete(hash)
      report(COUNTERS[result])
    }
    verification.then(
      (token) => {
        memory?.set(hash, token, { size: text.length })
        land('verified')
      },
      () => land('refused'),
    )
    return verification
  }

  /** A key that its issuer no longer publishes takes the tokens along that it signed. */
  function isCurrent({ key }: VerifiedToken, current: IssuerKey | undefined, { report }: Environment): boolean {
    if (current?.thumbprint !== key.thumbprint) return false
    report(COUNTERS.remembered)
    return true
  }

  return {
    size: () => memory?.size ?? 0,
    find: (presented, lookup) => {
      const { environment, request } = lookup
      const token = memory?.get(presented.hash)
      if (token === undefined) return start(presented, lookup)
      const recall = (current: IssuerKey | undefined): VerifiedToken | Promise<VerifiedToken> =>
        isCurrent(token, current, environment) ? token : start(presented, lookup)
      const current = token.issuer.keys.find(token.keyQuery, environment, request)
      return isThenable(current) ? current.then(recall) : recall(current)
    },
  }
}

const count = (result: TokenLabels['delegation_tokens_total']['result']): Measurement =>
  TOKEN_METRICS.measure('delegation_tokens_total', 1, { result })

/** Made once, not per request. */
const COUNTERS = {
  remembered: count('remembered'),
  verified: count('verified'),
  refused: count('refused'),
  overloaded: count('overloaded'),
}

function createMemory(maxTokens: number): LRUCache<string, VerifiedToken> {
  // At least one token of any length.
  return new LRUCache({ max: maxTokens, maxSize: Math.max(maxTokens * CHARACTERS_EACH, MAX_TOKEN_LENGTH) })
}
