import { hash } from 'node:crypto'

/** Signed text in which no secret stands. */
export interface MaskedBase {
  readonly text: string
  /** Identifiers of the components whose values were replaced, as they begin their lines. */
  readonly masked: readonly string[]
}

/** Fields that hold no credential, whoever sends them. The value of any other field is replaced: closed by default. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  ...['accept', 'agent-id', 'agent-intent', 'agent-instance', 'content-digest', 'content-encoding', 'content-language'],
  ...['content-length', 'content-type', 'date', 'host', 'mcp-method', 'mcp-name', 'origin', 'repr-digest'],
  ...['signature-agent', 'traceparent', 'user-agent', 'want-content-digest'],
  ...['x-http-method', 'x-http-method-override', 'x-method-override'],
])

const CREDENTIALS = /^(bearer|dpop) (.+)$/i
const LINE = /^("([^"]+)"[^:]*): (.*)$/s

/**
 * Replaces, in a signature base (RFC 9421 section 2.5), each value that may be a credential by `sha-256=:…:`, the digest of
 * its bytes. Behind `Bearer` and `DPoP` only the token is replaced. Whoever has the value can put it back and verify.
 * `base` holds one byte in each character.
 */
export function maskBase(base: string, isSecretQuery: (text: string) => boolean): MaskedBase {
  const masked: string[] = []
  const lines = base.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const match = LINE.exec(lines[index] ?? '')
    const [, identifier = '', name = '', value = ''] = match ?? []
    if (match === null || isPlain(name, identifier, value, isSecretQuery)) continue
    lines[index] = `${identifier}: ${maskValue(value)}`
    masked.push(identifier)
  }
  return masked.length === 0 ? { text: base, masked } : { text: lines.join('\n'), masked }
}

function isPlain(name: string, identifier: string, value: string, isSecretQuery: (text: string) => boolean): boolean {
  if (name === '@query-param') return !isSecretQuery(queryOf(identifier, value))
  if (name === '@signature-params') return true
  if (name.startsWith('@')) return !isSecretQuery(value)
  return PLAIN_FIELDS.has(name)
}

/** `"@query-param";name="token"` as it would stand in a query. */
function queryOf(identifier: string, value: string): string {
  return `?${/;name="([^"]*)"/.exec(identifier)?.[1] ?? ''}=${value}`
}

/** What stands in the place of a credential. */
export function maskValue(value: string): string {
  const [, scheme, token] = CREDENTIALS.exec(value) ?? []
  return scheme === undefined || token === undefined ? digestOf(value) : `${scheme} ${digestOf(token)}`
}

/** A value's SHA-256 as a byte sequence (RFC 9530 writes digests so). `value` holds one byte in each character. */
export function digestOf(value: string): string {
  return `sha-256=:${hash('sha256', Buffer.from(value, 'latin1'), 'base64')}:`
}
