import { Refusal } from '@countermark/core'
import { decodeBase64, type JsonValue, then } from '@countermark/core/internal'
import { type SigningKey, signBytes } from '../signing-key.ts'
import { type ActionLimits, type ActionStatement, buildActionBase, parseStatement } from './statement.ts'

/** A signed action as it travels through a queue, a pipe or a file: plain JSON. */
export interface SignedAction {
  /** The version of this format. */
  readonly version: 1
  /** What is to be done: `refunds:create`. */
  readonly action: string
  /** With what. */
  readonly parameters: JsonValue
  /** Who is to do it. */
  readonly audience: string
  /** Who asks. */
  readonly agent_id: string
  /** The name of the key that signed. */
  readonly key_id: string
  /** When it was signed. Unix seconds. */
  readonly created: number
  /** When it ends. Unix seconds. */
  readonly expires: number
  /** Makes it different from all others. */
  readonly nonce: string
  /** How far it goes. */
  readonly limits: ActionLimits
  /** Base64. */
  readonly signature: string
}

const MEMBERS: readonly (keyof SignedAction)[] = [
  ...(['version', 'action', 'parameters', 'audience', 'agent_id', 'key_id'] as const),
  ...(['created', 'expires', 'nonce', 'limits', 'signature'] as const),
]

/**
 * Reads what was sent: exactly the members above, each well formed.
 * @throws {@link Refusal} `request_malformed`, `signature_malformed`, `scheme_not_allowed`, `body_too_large`
 */
export function parseSignedAction(sent: unknown): {
  readonly statement: ActionStatement
  readonly signature: Uint8Array
} {
  const { version, agent_id: agentId, key_id: keyId, signature: text, ...members } = membersOf(sent)
  if (version !== 1) throw new Refusal('scheme_not_allowed', 'version must be 1')
  const statement = parseStatement({ ...members, agentId, keyId })
  const signature = typeof text === 'string' ? decodeBase64(text) : undefined
  if (signature !== undefined && signature.length > 0) return { statement, signature }
  throw new Refusal('signature_malformed', 'signature must be padded base64')
}

function membersOf(sent: unknown): Readonly<Record<keyof SignedAction, unknown>> {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    throw new Refusal('request_malformed', 'a signed action is a JSON object')
  }
  if (Object.keys(sent).length !== MEMBERS.length || !MEMBERS.every((name) => Object.hasOwn(sent, name))) {
    throw new Refusal('request_malformed', `a signed action has the members ${MEMBERS.join(', ')}`)
  }
  return sent as Readonly<Record<keyof SignedAction, unknown>>
}

/** An action to sign. */
export interface ActionToSign extends Omit<ActionStatement, 'limits'> {
  readonly key: SigningKey
  /** @default none */
  readonly limits?: ActionLimits
}

/**
 * Signs work that is not an HTTP request. At once when the key is at hand.
 * @example
 * const order = await signAction({ action: 'refunds:create', parameters: { order: '12345' }, audience: 'billing',
 *   limits: { amount: { value: 4200, currency: 'USD' } }, agentId, keyId, key, created, expires: created + 60, nonce })
 * @throws {@link Refusal} `request_malformed` for what no receiver would accept
 */
export function signAction(action: ActionToSign): SignedAction | Promise<SignedAction> {
  const statement = parseStatement({ ...action, limits: action.limits ?? {} })
  const { agentId: agent_id, keyId: key_id, ...members } = statement
  return then(signBytes(action.key, buildActionBase(statement)), (signature) => ({
    version: 1,
    ...members,
    agent_id,
    key_id,
    signature: Buffer.from(signature).toString('base64'),
  }))
}
