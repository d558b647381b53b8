import { createHash } from 'node:crypto'
import {
  type AgentRecord,
  type Environment,
  type KeySource,
  Misconfigured,
  Refusal,
  type ReplayStore,
} from '@countermark/core'
import {
  acceptUntil,
  custom,
  type OptionReader,
  optionTable,
  type SignatureAlgorithm,
  strings,
  then,
} from '@countermark/core/internal'
import { ALGORITHMS, KEYS, REVOCATIONS, STORE, WINDOW } from '../options.ts'
import { claimMessage } from '../outside-http.ts'
import { createClockFollower, followRevocations, type SignerRevocations } from '../revocations.ts'
import { verifyWithKeys } from '../verify-with-keys.ts'
import { parseSignedAction } from './signed-action.ts'
import { type ActionStatement, buildActionBase, checkLimits } from './statement.ts'

/** Which actions are accepted. */
export interface ActionVerifierOptions {
  /** Where public keys come from. */
  readonly keys: KeySource
  /** Remembers used actions. All that execute for this audience share one. */
  readonly store: ReplayStore
  /** Revoked agents and keys are refused at once, and key sources forget them. @default what the key sources say */
  readonly revocations?: SignerRevocations
  /** Who we are: an action for another audience is refused. */
  readonly audience: string
  /** Limits without which nothing is executed, such as `amount`. The caller of `verifyAction` enforces them. @default [] */
  readonly requiredLimits?: readonly string[]
  /** Further limits that are enforced when they are there; any other is refused. @default [] */
  readonly optionalLimits?: readonly string[]
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Oldest acceptable action: the longest that it may wait in a queue. Seconds. @default 300 */
  readonly toleranceSeconds?: number
  /** How far ahead of our clock an action may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
}

/** An action that its agent ordered, once, and in time. */
export interface VerifiedAction extends ActionStatement {
  readonly agent: AgentRecord
  /** JWK thumbprint of the signing key (RFC 7638). */
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  /** Unix seconds: the last moment at which this action is accepted. */
  readonly acceptUntil: number
  /** The signed bytes and the signature: evidence for the audit trail. */
  readonly signed: { readonly base: Uint8Array; readonly signature: Uint8Array }
}

/** Verifies one action. */
export type ActionVerifier = (action: unknown, environment: Environment) => VerifiedAction | Promise<VerifiedAction>

type Settings = ReturnType<typeof OPTIONS.read>

/**
 * Creates the counterpart of `signAction`: each signed action is accepted once, in its window, from an active key.
 * Answers at once when keys and store do. What it throws is a {@link Refusal}; the action must then not be executed.
 * @throws {@link Misconfigured}
 */
export function verifyAction(options: ActionVerifierOptions): ActionVerifier {
  const settings = OPTIONS.read(options)
  const { keys, algorithms, revocations } = settings
  followRevocations(revocations, keys)
  const followClock = createClockFollower(settings.store, revocations)
  return function verifySignedAction(action, environment) {
    followClock(environment)
    const { statement, signature } = parseSignedAction(action)
    const end = requireAcceptable(statement, settings, environment)
    const { agentId, keyId, created } = statement
    const query = { agentId, keyId, isAgentCovered: true }
    const base = (): Uint8Array => buildActionBase(statement)
    return verifyWithKeys<VerifiedAction>({
      signed: { scheme: 'action', query, algorithm: undefined, algorithms, created, signature, base },
      keys,
      environment,
      revocations,
      accept: ({ agent, thumbprint, algorithm }, bytes) => {
        const signed = { base: bytes, signature }
        const verified = { ...statement, agent, thumbprint, algorithm, acceptUntil: end, signed }
        return then(claimAction(verified, settings.store, environment), () => verified)
      },
    })
  }
}

/** The last moment at which the action is accepted, Unix seconds. @throws Refusal */
function requireAcceptable(statement: ActionStatement, settings: Settings, environment: Environment): number {
  if (statement.audience !== settings.audience) {
    throw new Refusal('authority_mismatch', 'the action is meant for another audience')
  }
  const end = acceptUntil(statement, settings, environment.clock.wallMs())
  checkLimits(statement.limits, { required: settings.requiredLimits, optional: settings.optionalLimits })
  return end
}

function claimAction(action: VerifiedAction, store: ReplayStore, environment: Environment): void | Promise<void> {
  const { thumbprint, created, acceptUntil: end, nonce } = action
  const id = createHash('sha256').update(`action\n${thumbprint}\n${nonce}`).digest()
  return claimMessage({ id, thumbprint, created, acceptUntil: end, nonce }, store, environment)
}

const AUDIENCE: OptionReader<string> = custom((_name, given) => {
  if (typeof given === 'string' && given !== '') return given
  throw new Misconfigured('ERR_OPTION_MISSING', "verifyAction needs audience; say who we are, such as 'billing'")
})

const OPTIONS = optionTable('verifyAction', {
  keys: KEYS,
  store: STORE,
  audience: AUDIENCE,
  revocations: REVOCATIONS,
  requiredLimits: strings([]),
  optionalLimits: strings([]),
  algorithms: ALGORITHMS,
  ...WINDOW,
})
