import {
  type AgentRecord,
  type Environment,
  type KeySource,
  Misconfigured,
  type ReplayStore,
  requireNumber,
} from '@countermark/core'
import {
  callback,
  custom,
  isAgentId,
  number,
  optionTable,
  type SignatureAlgorithm,
  then,
  undescribed,
} from '@countermark/core/internal'
import { ALGORITHMS, KEYS, REVOCATIONS } from '../options.ts'
import { createClockFollower, followRevocations, type SignerRevocations } from '../revocations.ts'
import { verifyWithKeys } from '../verify-with-keys.ts'
import { isPurpose, parseAnswer, purposeOf } from './answer.ts'
import {
  type ChallengeLedger,
  type ChallengeRequest,
  createSealedChallenges,
  PendingChallenges,
  randomSuffix,
} from './ledgers.ts'

/** What both ways of keeping challenges let you choose. */
interface MessageChallengesBasics {
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

/** Hands out messages and verifies the signatures over them. */
export interface MessageChallenges {
  /** @throws Unavailable `overloaded` when too many wait for an answer */
  readonly issue: (request: ChallengeRequest, environment: Environment) => MessageChallenge
  /** At once when keys and store answer at once. @throws Refusal */
  readonly verify: (answer: unknown, environment: Environment) => AnsweredChallenge | Promise<AnsweredChallenge>
}

/**
 * Creates the literal challenge: the agent answers `{ agent_id, message, signature }` with a text that was handed out.
 * @example
 * const challenges = createMessageChallenges({ keys, ttlSeconds: 120 })
 * const { message } = challenges.issue({ purpose: 'approve-request', agentId: 'agt_7f2k9x' }, environment)
 * @throws {@link Misconfigured}
 */
export function createMessageChallenges(options: MessageChallengesOptions): MessageChallenges {
  const settings = OPTIONS.read(options)
  const { keys, ttlSeconds, algorithms, revocations, store } = settings
  const ledger = createLedger(settings)
  followRevocations(revocations, keys)
  const followClock = createClockFollower(store, revocations)
  return {
    issue: (request, environment) => {
      checkRequest(request)
      const expires = Math.floor(environment.clock.wallMs() / 1000) + ttlSeconds
      return { message: ledger.issue(request, environment), expires }
    },
    verify: (answer, environment) => {
      followClock(environment)
      const { agentId, message, signature } = parseAnswer(answer)
      const created = ledger.check(message, agentId, environment)
      const base = (): Uint8Array => Buffer.from(message, 'latin1')
      return verifyWithKeys<AnsweredChallenge>({
        signed: { scheme: 'challenge', query: { agentId }, algorithm: undefined, algorithms, created, signature, base },
        keys,
        environment,
        revocations,
        accept: (key) => {
          const { agent, keyId, thumbprint } = key
          const purpose = purposeOf(message)
          return then(ledger.claim(message, key, environment), () => ({ agent, keyId, thumbprint, purpose, message }))
        },
      })
    },
  }
}

const OPTIONS = optionTable('createMessageChallenges', {
  keys: KEYS,
  ttlSeconds: custom((name, given) => requireWhole(requireNumber(name, given as number, { min: 1, max: 86_400 }))),
  algorithms: ALGORITHMS,
  revocations: REVOCATIONS,
  maxPending: number({ min: 1 }),
  unsafeCreateSuffix: callback<() => string>(),
  store: custom((_name, given) => given as ReplayStore | undefined),
  secret: undescribed(custom((_name, given) => given as Uint8Array | undefined)),
})

function createLedger(settings: ReturnType<typeof OPTIONS.read>): ChallengeLedger {
  const { ttlSeconds, maxPending, unsafeCreateSuffix, store, secret } = settings
  if (store === undefined && secret === undefined) {
    return new PendingChallenges(ttlSeconds, maxPending ?? 10_000, unsafeCreateSuffix ?? randomSuffix)
  }
  if (store === undefined || !ArrayBuffer.isView(secret) || secret.byteLength < 32) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'store and secret, of at least 32 bytes, are given together')
  }
  if (maxPending === undefined && unsafeCreateSuffix === undefined) {
    return createSealedChallenges(ttlSeconds, store, secret)
  }
  throw new Misconfigured('ERR_OPTION_INVALID', 'maxPending and unsafeCreateSuffix do not go with a store')
}

function requireWhole(ttlSeconds: number): number {
  if (Number.isInteger(ttlSeconds)) return ttlSeconds
  throw new Misconfigured('ERR_OPTION_INVALID', 'ttlSeconds must be a whole number')
}

function checkRequest({ purpose, agentId }: ChallengeRequest): void {
  if (!isPurpose(purpose)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'purpose must be a lower-case word such as approve-request')
  }
  if (agentId !== undefined && !isAgentId(agentId)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'agentId must be 1 to 128 letters, digits or . _ : @ / -')
  }
}
