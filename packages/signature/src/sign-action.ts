import { isThenable } from '@countermark/core/internal'
import type { ActionLimits } from './action-limits.ts'
import { type ActionStatement, buildActionBase, parseStatement } from './action-statement.ts'
import { type SigningKey, signBytes } from './sign-bytes.ts'
import { type SignedAction, toSignedAction } from './signed-action.ts'

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
  const signature = signBytes(action.key, buildActionBase(statement))
  return isThenable(signature)
    ? signature.then((bytes) => toSignedAction(statement, bytes))
    : toSignedAction(statement, signature)
}
