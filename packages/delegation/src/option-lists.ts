import { Misconfigured } from '@countermark/core'
import { type JoseAlgorithm, toJoseAlgorithm } from './token/jws-key.ts'

/** An algorithm by either of its names (RFC 8037, RFC 9864). */
export type AlgorithmName = JoseAlgorithm | 'Ed25519'

/**
 * Validates a list of algorithms.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireAlgorithms(name: string, algorithms: readonly AlgorithmName[]): readonly JoseAlgorithm[] {
  const known = requireNames(name, algorithms).flatMap((algorithm) => toJoseAlgorithm(algorithm) ?? [])
  if (known.length === algorithms.length) return [...new Set(known)]
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    `${name} must name algorithms with a public key, such as EdDSA or ES256`,
  )
}

/**
 * Validates a list of names that is not empty.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireNames(name: string, names: readonly string[]): readonly string[] {
  requireTexts(name, names)
  if (names.length > 0) return names
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must not be empty`)
}

/**
 * Validates a list of strings, none of them empty.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireTexts(name: string, texts: readonly string[]): readonly string[] {
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string' && text !== '')) return texts
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a list of strings`)
}
