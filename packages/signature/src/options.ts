import { type KeySource, Misconfigured, type ReplayStore } from '@countermark/core'
import {
  custom,
  DEFAULT_ALGORITHMS,
  isSignatureAlgorithm,
  methods,
  number,
  type OptionReader,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import type { SignerRevocations } from './revocations.ts'

// Options that several functions of this package take.

/** Where public keys come from. */
export const KEYS: OptionReader<KeySource> = custom((_name, given) => {
  if (typeof Object(given).findKeys === 'function') return given as KeySource
  throw new Misconfigured('ERR_OPTION_MISSING', 'keys must be a source of keys, such as staticKeys([…])')
})

/** Where claims are remembered. */
export const STORE: OptionReader<ReplayStore> = methods<ReplayStore>(['claim'], 'pass a store of @countermark/replay')

/** Which agents and keys are revoked. */
export const REVOCATIONS: OptionReader<SignerRevocations | undefined> = custom((_name, given) => {
  if (given === undefined || isRevocations(given)) return given
  throw new Misconfigured('ERR_OPTION_INVALID', 'revocations must come from createRevocations()')
})

/** Algorithms that are accepted. */
export const ALGORITHMS: OptionReader<readonly SignatureAlgorithm[]> = custom((_name, given = DEFAULT_ALGORITHMS) => {
  if (Array.isArray(given) && given.length > 0 && given.every(isSignatureAlgorithm)) return given
  throw new Misconfigured('ERR_OPTION_INVALID', 'algorithms must name at least one known algorithm')
})

/** How old a signature may be, and how far ahead of our clock. Seconds. */
export const WINDOW: {
  readonly toleranceSeconds: OptionReader<number>
  readonly futureSkewSeconds: OptionReader<number>
} = {
  toleranceSeconds: number({ min: 1, default: 300 }),
  futureSkewSeconds: number({ min: 0, default: 30 }),
}

function isRevocations(given: unknown): given is SignerRevocations {
  const { findSigner, follow } = Object(given)
  return typeof findSigner === 'function' && typeof follow === 'function'
}
