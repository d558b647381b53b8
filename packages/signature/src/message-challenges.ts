import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  type KeySource,
  Misconfigured,
  type ReplayStore,
  requireKnownOptions,
  requireNumber,
} from '@countermark/core'
import { DEFAULT_ALGORITHMS, isAgentId, isThenable, type SignatureAlgorithm } from '@countermark/core/internal'
import { type ParsedAnswer, parseAnswer } from './challenge-answer.ts'
import type { ChallengeLedger, ChallengeRequest } from './challenge-ledger.ts'
import { isPurpose, purposeOf } from './challenge-message.ts'
import { findSigningKey } from './find-signing-key.ts'
import { requireAlgorithms } from './http-signature-settings.ts'
import { createPendingChallenges, randomSuffix } from './pending-challenges.ts'
import { createSealedChallenges } from './sealed-challenges.ts'
import {
  createClockFollower,
  followRevocations,
  requireUnrevoked,
  type SignerRevocations,
} from './signer-revocations.ts'

/** What both ways of keeping challenges let you choose. */
export interface MessageChallengesBasics {
  /** Where public keys come from. */
  readonly keys: KeySource
  /** How long an agent may take to answer: whole seconds, up to a day. */
  readonly ttlSeconds: number
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Revoked agents and keys are refused at once, and key sources forget them. @default what the key sources say */
  readonly revocations?: SignerRevocations
}

/** Challenges that this process hands out and takes back. */
export interface LocalChallengesOptions extends MessageChallengesBasics {
  /** Challenges kept at a time, answered ones included until they end; beyond that none is handed out. @default 10_000 */
  readonly maxPending?: number
  /**
   * Makes what stands behind the colon, such as `174325`, instead of 128 random bits. A suffix that ever repeats makes an
   * old answer valid again.
   */
  readonly unsafeCreateSuffix?: () => string
}

/** Challenges that any process with the same secret and store takes back. */
export interface SharedChallengesOptions extends MessageChallengesBasics {
  /** Accepts each message once. */
  readonly store: ReplayStore
  /** At least 32 random bytes, the same in every process. */
  readonly secret: Uint8Array
}

/** How challenges are kept: in this process, or by several together. */
export type MessageChallengesOptions = LocalChallengesOptions | SharedChallengesOptions

/** A challenge to hand out. */
export interface MessageChallenge {
  /** The text to sign. */
  readonly message: string
  /** Unix seconds. */
  readonly expires: number
}

/** An agent that answered, once and in time. */
export interface AnsweredChallenge {
  readonly agent: AgentRecord
  readonly keyId: string
  /** JWK thumbprint of the signing key (RFC 7638). */
  readonly thumbprint: string
  readonly purpose: string
  readonly message: string
}

/** Hands out messages and judges the signatures over them. */
export interface MessageChallenges {
  /** @throws Unavailable `overloaded` when too many wait for an answer */
  readonly issue: (request: ChallengeRequest, environment: Environment) => MessageChallenge
  /** At once when keys and store answer at once. @throws Refusal */
  readonly verify: (answer: unknown, environment: Environment) => AnsweredChallenge | Promise<AnsweredChallenge>
}

const OPTIONS = [
  'keys',
  'ttlSeconds',
  'algorithms',
  'revocations',
  'maxPending',
  'unsafeCreateSuffix',
  'store',
  'secret',
]

/**
 * Creates the literal challenge: the agent answers `{ agent_id, message, signature }` with a text that was handed out.
 * @example
 * const challenges = createMessageChallenges({ keys, ttlSeconds: 120 })
 * const { message } = challenges.issue({ purpose: 'approve-request', agentId: 'agt_7f2k9x' }, environment)
 * @throws {@link Misconfigured}
 */
export function createMessageChallenges(options: MessageChallengesOptions): MessageChallenges {
  requireKnownOptions('createMessageChallenges', options, OPTIONS)
  const { keys, ttlSeconds, algorithms = DEFAULT_ALGORITHMS, revocations } = options
  if (keys === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'createMessageChallenges needs keys')
  checkSeconds(ttlSeconds)
  requireAlgorithms(algorithms)
  followRevocations(revocations, keys)
  const ledger = createLedger(options)
  const followClock = createClockFollower(isShared(options) ? options.store : undefined, revocations)
  return {
    issue: (request, environment) => {
      checkRequest(request)
      const expires = Math.floor(environment.clock.wallMs() / 1000) + ttlSeconds
      return { message: ledger.issue(request, environment), expires }
    },
    verify: (answer, environment) => {
      followClock(environment)
      const parsed = parseAnswer(answer)
      const { agentId, message, signature } = parsed
      const created = ledger.check(message, agentId, environment)
      const data = Buffer.from(message, 'latin1')
      const signed = { scheme: 'challenge', query: { agentId }, algorithms, data, signature } as const
      const key = findSigningKey(signed, keys, environment)
      const accept = (found: AgentKey): AnsweredChallenge | Promise<AnsweredChallenge> => {
        requireUnrevoked({ agentId: found.agent.id, thumbprint: found.thumbprint, created }, revocations)
        return redeem(parsed, found, ledger, environment)
      }
      return isThenable(key) ? key.then(accept) : accept(key)
    },
  }
}

function redeem(
  { message }: ParsedAnswer,
  key: AgentKey,
  ledger: ChallengeLedger,
  environment: Environment,
): AnsweredChallenge | Promise<AnsweredChallenge> {
  const { agent, keyId, thumbprint } = key
  const answered = { agent, keyId, thumbprint, purpose: purposeOf(message), message }
  const redeemed = ledger.redeem(message, key, environment)
  return isThenable(redeemed) ? redeemed.then(() => answered) : answered
}

function createLedger(options: MessageChallengesOptions): ChallengeLedger {
  const { ttlSeconds } = options
  if (!isShared(options)) {
    const { maxPending = 10_000, unsafeCreateSuffix = randomSuffix } = options
    requireNumber('maxPending', maxPending, { min: 1 })
    return createPendingChallenges({ ttlSeconds, maxPending, createSuffix: unsafeCreateSuffix })
  }
  const { store, secret } = options
  if (store === undefined || !ArrayBuffer.isView(secret) || secret.byteLength < 32) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'store and secret, of at least 32 bytes, are given together')
  }
  if ('maxPending' in options || 'unsafeCreateSuffix' in options) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'maxPending and unsafeCreateSuffix do not go with a store')
  }
  return createSealedChallenges({ ttlSeconds, store, secret })
}

function isShared(options: MessageChallengesOptions): options is SharedChallengesOptions {
  return 'store' in options || 'secret' in options
}

function checkSeconds(ttlSeconds: number): void {
  requireNumber('ttlSeconds', ttlSeconds, { min: 1, max: 86_400 })
  if (!Number.isInteger(ttlSeconds)) throw new Misconfigured('ERR_OPTION_INVALID', 'ttlSeconds must be a whole number')
}

function checkRequest({ purpose, agentId }: ChallengeRequest): void {
  if (!isPurpose(purpose)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'purpose must be a lower-case word such as approve-request')
  }
  if (agentId !== undefined && !isAgentId(agentId)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'agentId must be 1 to 128 letters, digits or . _ : @ / -')
  }
}
