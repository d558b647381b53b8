import { Unavailable } from '@countermark/core'
import { type Measurement, then } from '@countermark/core/internal'
import { createLRU } from 'lru.min'
import type { AgentLookup } from '../chain/known-agents.ts'
import { TOKEN_METRICS, type TokenLabels } from '../metric-rows.ts'
import { MAX_TOKEN_LENGTH, type PresentedToken } from './presented-token.ts'
import type { VerifiedToken } from './verified-token.ts'
import type { VerifyToken } from './verify-token.ts'

const MAX_UNDER_WAY = 256
/** What a token may weigh on average before fewer are remembered: an agent that may hand on makes as many as it likes. */
const CHARACTERS_EACH = 2048

const count = (result: TokenLabels['delegation_tokens_total']['result']): Measurement =>
  TOKEN_METRICS.measure('delegation_tokens_total', 1, { result })

/** Made once, not per request. */
const COUNTERS = {
  remembered: count('remembered'),
  verified: count('verified'),
  refused: count('refused'),
  overloaded: count('overloaded'),
}

/**
 * A memory in front of verification. Each verifier has its own, so that what one of them was told to accept means nothing to
 * another. Tokens are kept under a hash of their text, of which there is one spelling only: others do not parse. Callers of
 * one token share one verification, and refusals are not remembered.
 */
export class RememberedTokens {
  readonly #verifyToken: VerifyToken
  readonly #memory: TokenMemory | undefined
  readonly #underWay = new Map<string, Promise<VerifiedToken>>()

  constructor(verifyToken: VerifyToken, maxTokens: number) {
    this.#verifyToken = verifyToken
    this.#memory = maxTokens === 0 ? undefined : createTokenMemory(maxTokens)
  }

  size(): number {
    return this.#memory?.size() ?? 0
  }

  /** The token that was presented: at once when it is remembered, and its issuer still has the key it is signed with. */
  find(presented: PresentedToken, lookup: AgentLookup): VerifiedToken | Promise<VerifiedToken> {
    const { environment, request } = lookup
    const token = this.#memory?.find(presented.hash)
    if (token === undefined) return this.#verify(presented, lookup)
    const { issuer, keyQuery, key } = token
    return then(issuer.keys.find(keyQuery, environment, request), (current) => {
      // A key that its issuer no longer publishes takes the tokens along that it signed.
      if (current?.thumbprint !== key.thumbprint) return this.#verify(presented, lookup)
      environment.report(COUNTERS.remembered)
      return token
    })
  }

  #verify({ hash, text }: PresentedToken, lookup: AgentLookup): Promise<VerifiedToken> {
    const { report } = lookup.environment
    const known = this.#underWay.get(hash)
    if (known !== undefined) return known
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      report(COUNTERS.overloaded)
      throw new Unavailable('overloaded', 'tokens', 'too many tokens are being verified')
    }
    const verification = this.#verifyToken(text, lookup)
    this.#underWay.set(hash, verification)
    const land = (result: 'verified' | 'refused'): void => {
      this.#underWay.delete(hash)
      report(COUNTERS[result])
    }
    verification.then(
      (token) => {
        this.#memory?.keep(hash, token, text.length)
        land('verified')
      },
      () => land('refused'),
    )
    return verification
  }
}

interface TokenMemory {
  readonly find: (hash: string) => VerifiedToken | undefined
  readonly keep: (hash: string, token: VerifiedToken, length: number) => void
  readonly size: () => number
}

/** What was used least lately goes first: when there are too many tokens, and when their texts are too long together. */
function createTokenMemory(maxTokens: number): TokenMemory {
  // At least one token of any length.
  const maxLength = Math.max(maxTokens * CHARACTERS_EACH, MAX_TOKEN_LENGTH)
  let length = 0
  const tokens = createLRU<string, { readonly token: VerifiedToken; readonly length: number }>({
    max: maxTokens,
    onEviction: (_hash, gone) => {
      length -= gone.length
    },
  })
  return {
    find: (hash) => tokens.get(hash)?.token,
    keep: (hash, token, tokenLength) => {
      tokens.set(hash, { token, length: tokenLength })
      length += tokenLength
      while (length > maxLength) tokens.evict(1)
    },
    size: () => tokens.size,
  }
}
