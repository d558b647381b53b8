import { skipDictionaryKey, skipSeparator } from './scan-dictionary.ts'

/**
 * Reads a dictionary of byte sequences without parameters, such as Signature or Content-Digest, into base64 by key
 * (RFC 9421 section 4.2, RFC 9530 section 2). The base64 is not decoded yet. `undefined` when the text is anything else,
 * or when a key occurs twice: a parser that keeps the last one would judge another value than we do.
 */
export function scanByteSequences(text: string): ReadonlyMap<string, string> | undefined {
  const sequences = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const keyEnd = skipDictionaryKey(text, at)
    if (keyEnd === at || text.charCodeAt(keyEnd) !== EQUALS || text.charCodeAt(keyEnd + 1) !== COLON) return undefined
    const valueEnd = text.indexOf(':', keyEnd + 2)
    if (valueEnd === -1) return undefined
    const key = text.slice(at, keyEnd)
    if (sequences.has(key)) return undefined
    sequences.set(key, text.slice(keyEnd + 2, valueEnd))
    const next = skipSeparator(text, valueEnd + 1)
    if (next === undefined) return undefined
    at = next
  }
  return sequences
}

const EQUALS = 0x3d
const COLON = 0x3a
