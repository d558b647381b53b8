/** Whether a dictionary key may start here: a lower-case letter or `*` (RFC 9651 section 3.1.2). */
export function isDictionaryKeyAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return isLowerCase(code) || code === ASTERISK
}

/** The end of the key that starts here; `at` itself when none does. */
export function skipDictionaryKey(text: string, at: number): number {
  if (!isDictionaryKeyAt(text, at)) return at
  let end = at + 1
  while (end < text.length && isKeyCode(text.charCodeAt(end))) end++
  return end
}

/** Where the next member starts, or the end of the text; `undefined` after anything but one comma. */
export function skipSeparator(text: string, at: number): number | undefined {
  if (at === text.length) return at
  let next = skipWhiteSpace(text, at)
  if (next === text.length) return next
  if (text.charCodeAt(next) !== COMMA) return undefined
  next = skipWhiteSpace(text, next + 1)
  return next === text.length ? undefined : next
}

function skipWhiteSpace(text: string, at: number): number {
  let next = at
  while (text.charCodeAt(next) === 0x20 || text.charCodeAt(next) === 0x09) next++
  return next
}

function isKeyCode(code: number): boolean {
  return (
    isLowerCase(code) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2d ||
    code === 0x2e ||
    code === ASTERISK
  )
}

function isLowerCase(code: number): boolean {
  return code >= 0x61 && code <= 0x7a
}

const ASTERISK = 0x2a
const COMMA = 0x2c
