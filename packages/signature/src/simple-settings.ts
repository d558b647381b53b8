import { requireNumber } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import { completeHeaderNames, type SimpleHeaderNames } from './simple-header-names.ts'

/** What both versions of the simple form let you choose. */
export interface SimpleHeadersLimits {
  /** Other names for the header fields. @default the standard names */
  readonly headers?: SimpleHeaderNames
  /** Oldest acceptable signature. Seconds. @default 300 */
  readonly toleranceSeconds?: number
  /** How far ahead of our clock a signature may be dated. Seconds. @default 30 */
  readonly futureSkewSeconds?: number
  /** Largest body. Content-Length is compared before anything is read or looked up. Bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number
}

/** The same after validation. */
export interface SimpleSettings {
  /** Lower-case. */
  readonly names: Readonly<Required<SimpleHeaderNames>>
  readonly toleranceSeconds: number
  readonly futureSkewSeconds: number
  readonly maxBodyBytes: number
  readonly algorithms: readonly SignatureAlgorithm[]
}

/** The names of {@link SimpleSettings}. */
export const SIMPLE_SETTINGS: readonly (keyof SimpleSettings)[] = [
  'names',
  'toleranceSeconds',
  'futureSkewSeconds',
  'maxBodyBytes',
  'algorithms',
]

/** Validates what was chosen. @throws Misconfigured */
export function simpleSettings(given: SimpleHeadersLimits, algorithms: readonly SignatureAlgorithm[]): SimpleSettings {
  const { headers, toleranceSeconds = 300, futureSkewSeconds = 30, maxBodyBytes = 1_048_576 } = given
  const names = completeHeaderNames(headers)
  return {
    names: {
      agentId: names.agentId.toLowerCase(),
      version: names.version.toLowerCase(),
      timestamp: names.timestamp.toLowerCase(),
      nonce: names.nonce.toLowerCase(),
      keyId: names.keyId.toLowerCase(),
      signature: names.signature.toLowerCase(),
    },
    toleranceSeconds: requireNumber('toleranceSeconds', toleranceSeconds, { min: 1 }),
    futureSkewSeconds: requireNumber('futureSkewSeconds', futureSkewSeconds, { min: 0 }),
    maxBodyBytes: requireNumber('maxBodyBytes', maxBodyBytes, { min: 0 }),
    algorithms,
  }
}
