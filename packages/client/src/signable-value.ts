const PRINTABLE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

/** Whether a header field may have this value and a signature cover it (RFC 9421 section 2.5). */
export function isSignableValue(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value)
}
