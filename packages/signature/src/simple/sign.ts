import { type HeaderField, Misconfigured } from '@countermark/core'
import { isAgentId, isKeyId, then } from '@countermark/core/internal'
import { type SigningKey, signBytes } from '../signing-key.ts'
import { buildSimpleV0, buildSimpleV1, isNonce, isTimestamp } from './fields.ts'
import { completeHeaderNames, type SimpleHeaderNames } from './settings.ts'

/** What both versions of the simple form sign with. */
export interface SimpleSigner {
  readonly agentId: string
  readonly key: SigningKey
  /** Now, in Unix seconds. */
  readonly timestamp: number
  /** The content as transferred. @default none */
  readonly body?: Uint8Array
  readonly headers?: SimpleHeaderNames
}

/** A request to sign in nine lines. */
export interface SimpleV1Request extends SimpleSigner {
  readonly method: string
  /** Lower-case, without a default port. */
  readonly authority: string
  /** The request-target as it will be sent: path and query. */
  readonly target: string
  /** Never used before with this key: at least 128 random bits. */
  readonly nonce: string
  /** The value of `Agent-Delegation` when that field is sent, else of `Authorization`. @default none is sent */
  readonly token?: string
  /** Which of the agent's keys. @default the receiver tries all */
  readonly keyId?: string
}

/**
 * Signs a request as `simple-v1`: the header fields to add. At once when the key is at hand.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` for a value that no receiver would accept
 */
export function signSimpleV1(request: SimpleV1Request): readonly HeaderField[] | Promise<readonly HeaderField[]> {
  const { agentId, method, authority, target, nonce, body = new Uint8Array(), token, keyId } = request
  const names = completeHeaderNames(request.headers)
  const timestamp = timestampOf(request)
  requireThat(/^[^\s]+$/.test(method), 'method must be the method as sent')
  requireThat(/^[^\sA-Z/]+$/.test(authority), 'authority must be a host in lower case, such as api.example.com')
  requireThat(/^\/[\x21-\x7e]*$/.test(target), 'target must be path and query as sent, such as /orders?page=2')
  requireThat(isNonce(nonce), 'nonce must be 1 to 128 letters, digits or . _ ~ + / = : -')
  requireThat(keyId === undefined || isKeyId(keyId), 'keyId must be 1 to 256 printable characters')
  const message = buildSimpleV1({ method, authority, target, agentId, timestamp, nonce, body, token })
  const selected: readonly HeaderField[] = keyId === undefined ? [] : [[names.keyId, keyId]]
  return withSignature(request.key, message, names.signature, [
    [names.agentId, agentId],
    [names.version, '1'],
    [names.timestamp, timestamp],
    [names.nonce, nonce],
    ...selected,
  ])
}

/**
 * Signs a body as `simple-v0`, the literal `Ed25519(body + timestamp)`, with a key that is used for nothing else: the
 * header fields to add.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` for a value that no receiver would accept
 */
export function signSimpleV0(request: SimpleSigner): readonly HeaderField[] | Promise<readonly HeaderField[]> {
  const { agentId, body = new Uint8Array() } = request
  const names = completeHeaderNames(request.headers)
  const timestamp = timestampOf(request)
  return withSignature(request.key, buildSimpleV0(body, timestamp), names.signature, [
    [names.agentId, agentId],
    [names.timestamp, timestamp],
  ])
}

function withSignature(
  key: SigningKey,
  message: Uint8Array,
  name: string,
  fields: readonly HeaderField[],
): readonly HeaderField[] | Promise<readonly HeaderField[]> {
  return then(signBytes(key, message), (signature) => [...fields, [name, Buffer.from(signature).toString('base64')]])
}

function timestampOf({ agentId, timestamp }: SimpleSigner): string {
  requireThat(isAgentId(agentId), 'agentId must be 1 to 128 letters, digits or . _ : @ / -')
  const text = String(timestamp)
  requireThat(isTimestamp(text), 'timestamp must be Unix seconds, a whole number')
  return text
}

function requireThat(holds: boolean, message: string): void {
  if (!holds) throw new Misconfigured('ERR_OPTION_INVALID', message)
}
