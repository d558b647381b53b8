const BASE64URL = /^[A-Za-z0-9_-]*$/

/** Value of each character code; 64 for what is none. */
const VALUES = new Uint8Array(128).fill(64)
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  VALUES[character.charCodeAt(0)] = value
}

/**
 * Decodes base64 (RFC 4648 section 4) only if it is canonical: padded, of this alphabet, unused bits zero. `undefined`
 * otherwise. `Buffer.from` alone takes junk, so one signature would have many spellings; with an expression in front and a
 * second writing behind, it takes three times as long as this one pass.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const { length } = text
  if (length % 4 !== 0) return undefined
  if (length === 0) return Buffer.alloc(0)
  const padding = text.charCodeAt(length - 1) !== EQUALS ? 0 : text.charCodeAt(length - 2) !== EQUALS ? 1 : 2
  const bytes = Buffer.allocUnsafe((length / 4) * 3 - padding)
  const whole = padding === 0 ? length : length - 4
  let wrong = 0
  let at = 0
  for (let index = 0; index < whole; index += 4) {
    const a = valueAt(text, index)
    const b = valueAt(text, index + 1)
    const c = valueAt(text, index + 2)
    const d = valueAt(text, index + 3)
    wrong |= a | b | c | d
    bytes[at] = (a << 2) | (b >> 4)
    bytes[at + 1] = (b << 4) | (c >> 2)
    bytes[at + 2] = (c << 6) | d
    at += 3
  }
  if (padding > 0) {
    const a = valueAt(text, whole)
    const b = valueAt(text, whole + 1)
    const c = padding === 1 ? valueAt(text, whole + 2) : 0
    wrong |= a | b | c | ((padding === 1 ? c & 3 : b & 15) === 0 ? 0 : 64)
    bytes[at] = (a << 2) | (b >> 4)
    if (padding === 1) bytes[at + 1] = (b << 4) | (c >> 2)
  }
  return (wrong & 64) === 0 ? bytes : undefined
}

const EQUALS = 0x3d

function valueAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < 128 ? (VALUES[code] as number) : 64
}

/** Decodes unpadded base64url (RFC 4648 section 5) only if it is canonical. `undefined` otherwise. */
export function decodeBase64url(text: string): Buffer | undefined {
  return BASE64URL.test(text) && endsCleanly(text) ? Buffer.from(text, 'base64url') : undefined
}

/** Whether the last character holds no bits beyond the last byte; `-` and `_`, which are all ones but one, always do. */
function endsCleanly(text: string): boolean {
  const rest = text.length % 4
  if (rest === 0) return true
  const last = valueAt(text, text.length - 1)
  return rest !== 1 && last < 64 && (last & (rest === 2 ? 15 : 3)) === 0
}
