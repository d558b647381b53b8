import { hash } from 'node:crypto'
import type { SecretMask } from './secret-mask.ts'
import { SHOWN_COMPONENTS } from './secret-names.ts'

/** Signed text without secrets. */
export interface MaskedBase {
  readonly text: string
  /** Identifiers of the components whose values were replaced, as they begin their lines. */
  readonly masked: readonly string[]
}

const CREDENTIALS = /^(bearer|dpop) (.+)$/i
const NONE: readonly string[] = []

/**
 * Replaces, in a signature base (RFC 9421 section 2.5), each value that may be a credential by `sha-256=:…:`, the digest of
 * its bytes. Behind `Bearer` and `DPoP` only the token is replaced. A holder of the value can put it back and verify.
 * `base` holds one byte in each character.
 */
export function maskSignatureBase(base: string, mask: SecretMask): MaskedBase {
  let masked: string[] | undefined
  let text = ''
  let copied = 0
  for (let from = 0; from < base.length; ) {
    const feed = base.indexOf('\n', from)
    const end = feed < 0 ? base.length : feed
    const nameEnd = base.indexOf('"', from + 1)
    const name = base.slice(from + 1, nameEnd)
    const kind = SHOWN_COMPONENTS.get(name)
    if (kind !== 'plain') {
      const colon = endOfIdentifier(base, nameEnd + 1)
      const [identifier, value] = [base.slice(from, colon), base.slice(colon + 2, end)]
      if (kind === undefined || mask.holdsSecret(name === '@query-param' ? queryOf(identifier, value) : value)) {
        masked = [...(masked ?? []), identifier]
        text += base.slice(copied, colon + 2) + maskValue(value)
        copied = end
      }
    }
    from = end + 1
  }
  return masked === undefined ? { text: base, masked: NONE } : { text: text + base.slice(copied), masked }
}

/** Behind the name there may be parameters, whose texts in quotes may hold any character but a quote. */
function endOfIdentifier(base: string, from: number): number {
  let isQuoted = false
  for (let at = from; at < base.length; at++) {
    const character = base.charAt(at)
    if (character === '"') isQuoted = !isQuoted
    else if (character === ':' && !isQuoted) return at
  }
  return base.length
}

/** `"@query-param";name="token"` as it would stand in a query. */
function queryOf(identifier: string, value: string): string {
  return `?${/;name="([^"]*)"/.exec(identifier)?.[1] ?? ''}=${value}`
}

function maskValue(value: string): string {
  const [, scheme, token] = CREDENTIALS.exec(value) ?? []
  return scheme === undefined || token === undefined ? digestOf(value) : `${scheme} ${digestOf(token)}`
}

/** A value's SHA-256 as a byte sequence (RFC 9530 writes digests so). `value` holds one byte in each character. */
export function digestOf(value: string): string {
  return `sha-256=:${hash('sha256', Buffer.from(value, 'latin1'), 'base64')}:`
}
