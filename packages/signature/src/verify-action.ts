import { createHash } from 'node:crypto'
import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  type KeySource,
  Misconfigured,
  Refusal,
  type ReplayStore,
  requireKnownOptions,
  requireNumber,
} from '@countermark/core'
import { acceptUntil, DEFAULT_ALGORITHMS, isThenable, type SignatureAlgorithm } from '@countermark/core/internal'
import { checkLimits } from './action-limits.ts'
import { type ActionStatement, buildActionBase } from './action-statement.ts'
import { claimMessage } from './claim-message.ts'
import { findSigningKey } from './find-signing-key.ts'
import { requireAlgorithms } from './http-signature-settings.ts'
import { parseSignedAction } from './signed-action.ts'
import {
  createClockFollower,
  followRevocations,
  requireUnrevoked,
  type SignerRevocations,
} from './signer-revocations.ts'

/** Which actions are accepted. */
export interface ActionVerifierOptions {
  /** Where public keys come from. */
  readonly keys: KeySource
  /** Remembers used actions: everybody who executes for this audience shares one. */
  readonly store: ReplayStore
  /** Revoked agents and keys are refused at once, and key sources forget them. @default what the key sources say */
  readonly revocations?: SignerRevocations
  /** Who we are: an action for somebody else is refused. */
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

/** Judges one action. */
export type ActionVerifier = (action: unknown, environment: Environment) => VerifiedAction | Promise<VerifiedAction>

const OPTIONS = [
  'keys',
  'store',
  'revocations',
  'audience',
  'requiredLimits',
  'optionalLimits',
  'algorithms',
  'toleranceSeconds',
  'futureSkewSeconds',
]

interface Settings extends Required<Omit<ActionVerifierOptions, 'revocations'>> {
  readonly revocations: SignerRevocations | undefined
}

interface Presented {
  readonly statement: ActionStatement
  readonly acceptUntil: number
  readonly base: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Creates the counterpart of `signAction`: each signed action is accepted once, in its window, from an active key.
 * Answers at once when keys and store do. What it throws is a {@link Refusal}; the action must then not be executed.
 * @throws {@link Misconfigured}
 */
export function verifyAction(options: ActionVerifierOptions): ActionVerifier {
  const settings = validSettings(options)
  const followClock = createClockFollower(settings.store, settings.revocations)
  return function verifySignedAction(action, environment) {
    followClock(environment)
    const presented = readAction(action, settings, environment)
    const { statement, base, signature } = presented
    const query = { agentId: statement.agentId, keyId: statement.keyId, isAgentCovered: true }
    const signed = { scheme: 'action', query, algorithms: settings.algorithms, data: base, signature } as const
    const key = findSigningKey(signed, settings.keys, environment)
    return isThenable(key)
      ? key.then((found) => accept(presented, found, settings, environment))
      : accept(presented, key, settings, environment)
  }
}

function readAction(action: unknown, settings: Settings, environment: Environment): Presented {
  const { statement, signature } = parseSignedAction(action)
  if (statement.audience !== settings.audience) {
    throw new Refusal('authority_mismatch', 'the action is meant for somebody else')
  }
  const end = acceptUntil(statement, settings, environment.clock.wallMs())
  checkLimits(statement.limits, { required: settings.requiredLimits, optional: settings.optionalLimits })
  return { statement, acceptUntil: end, base: buildActionBase(statement), signature }
}

function accept(
  presented: Presented,
  key: AgentKey,
  settings: Settings,
  environment: Environment,
): VerifiedAction | Promise<VerifiedAction> {
  const { statement, base, signature, acceptUntil: end } = presented
  const { agent, thumbprint, algorithm } = key
  const { created, nonce } = statement
  requireUnrevoked({ agentId: agent.id, thumbprint, created }, settings.revocations)
  const id = createHash('sha256').update(`action\n${thumbprint}\n${nonce}`).digest()
  const claim = claimMessage({ id, thumbprint, created, acceptUntil: end, nonce }, settings.store, environment)
  const verified = { ...statement, agent, thumbprint, algorithm, acceptUntil: end, signed: { base, signature } }
  return isThenable(claim) ? claim.then(() => verified) : verified
}

function validSettings(options: ActionVerifierOptions): Settings {
  requireKnownOptions('verifyAction', options, OPTIONS)
  const { keys, store, audience, requiredLimits = [], optionalLimits = [], algorithms = DEFAULT_ALGORITHMS } = options
  if (keys === undefined || store === undefined || typeof audience !== 'string' || audience === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'verifyAction needs keys, store and audience')
  }
  followRevocations(options.revocations, keys)
  const { toleranceSeconds = 300, futureSkewSeconds = 30 } = options
  return {
    keys,
    store,
    revocations: options.revocations,
    audience,
    requiredLimits,
    optionalLimits,
    algorithms: requireAlgorithms(algorithms),
    toleranceSeconds: requireNumber('toleranceSeconds', toleranceSeconds, { min: 1 }),
    futureSkewSeconds: requireNumber('futureSkewSeconds', futureSkewSeconds, { min: 0 }),
  }
}
