import { Misconfigured } from '@countermark/core'

const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/

/**
 * Reads a JSON pointer such as `/order/amount` (RFC 6901).
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function parsePointer(text: string): readonly string[] {
  if (typeof text !== 'string' || !POINTER.test(text)) {
    throw new Misconfigured('ERR_OPTION_INVALID', "body(…) takes a JSON pointer such as '/amount'")
  }
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What a pointer points to; `undefined` when there is no such thing. Nothing is found on a prototype. */
export function findByPointer(root: unknown, tokens: readonly string[]): unknown {
  let value = root
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null) return undefined
    if (Array.isArray(value) && !INDEX.test(token)) return undefined
    if (!Object.hasOwn(value, token)) return undefined
    value = Reflect.get(value, token)
  }
  return value
}
