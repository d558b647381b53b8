import { Misconfigured } from '@countermark/core'
import { custom, type OptionReader } from '@countermark/core/internal'
import { type JoseAlgorithm, toJoseAlgorithm } from './token/jose-algorithm.ts'

/** An algorithm by either of its names (RFC 8037, RFC 9864). */
export type AlgorithmName = JoseAlgorithm | 'Ed25519'

/** A list of algorithms that have a public key. */
export function algorithms(fallback: readonly JoseAlgorithm[]): OptionReader<readonly JoseAlgorithm[]> {
  return custom((name, given = fallback) => {
    const stated = requireNames(name, given)
    const known = stated.flatMap((algorithm) => toJoseAlgorithm(algorithm) ?? [])
    if (known.length === stated.length) return [...new Set(known)]
    throw invalid(`${name} must name algorithms with a public key, such as EdDSA or ES256`)
  })
}

/** A list of names, none of them empty. */
export function names(fallback: readonly string[]): OptionReader<readonly string[]> {
  return custom((name, given = fallback) => requireTexts(name, given))
}

/**
 * Validates a name, or a list of them that is not empty.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireNames(name: string, given: unknown): readonly string[] {
  const texts = requireTexts(name, [given].flat())
  if (texts.length > 0) return texts
  throw invalid(`${name} must not be empty`)
}

/**
 * Validates a list of strings, none of them empty.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireTexts(name: string, given: unknown): readonly string[] {
  const isText = (each: unknown): each is string => typeof each === 'string' && each !== ''
  if (Array.isArray(given) && given.every(isText)) return given
  throw invalid(`${name} must be a list of strings`)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
