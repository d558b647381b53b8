const MAX_PARAMETERS = 256

/**
 * The value of a query parameter, decoded; `undefined` when it is absent, or written so that two readers may disagree:
 * more than once, as a list (`name[]`) or object (`name[a]`, `name.a`, `[name]`), or with broken percent-encoding anywhere.
 */
export function findQueryValue(query: string | undefined, name: string): string | undefined {
  const pairs = (query ?? '').slice(1).split('&')
  if (pairs.length > MAX_PARAMETERS) return undefined
  const found: string[] = []
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const key = decode(equals < 0 ? pair : pair.slice(0, equals))
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1))
    if (key === undefined || value === undefined || isVariantOf(key, name)) return undefined
    if (key === name) found.push(value)
  }
  return found.length === 1 ? found[0] : undefined
}

/** What a parser that knows lists and objects reads as this parameter, too. */
function isVariantOf(key: string, name: string): boolean {
  if (key.startsWith(`[${name}`)) return true
  return key.startsWith(name) && /^[[\].]/.test(key.slice(name.length))
}

/** As forms are decoded: `+` is a space. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined // the only error is broken percent-encoding
  }
}
