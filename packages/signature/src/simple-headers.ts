import { Misconfigured, requireKnownOptions } from '@countermark/core'
import { DEFAULT_ALGORITHMS, type SignatureAlgorithm } from '@countermark/core/internal'
import { requireAlgorithms } from './http-signature-settings.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { type SimpleHeadersLimits, simpleSettings } from './simple-settings.ts'
import { createSimpleV0 } from './simple-v0.ts'
import { createSimpleV1 } from './simple-v1.ts'

/** The nine-line form: covers method, authority, target, agent, time, nonce, body and token. */
export interface SimpleHeadersV1Options extends SimpleHeadersLimits {
  readonly version: 1
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
}

/** The literal `Ed25519(body + timestamp)`: covers neither method nor target. For callers that cannot change. */
export interface SimpleHeadersV0Options extends SimpleHeadersLimits {
  readonly version: 0
  /** Method and exact target as sent, query included, such as `POST /api/v1/checkout`. Nothing else is accepted. */
  readonly routes: readonly string[]
}

/** Which simple form to accept, and how. */
export type SimpleHeadersOptions = SimpleHeadersV1Options | SimpleHeadersV0Options

const COMMON_OPTIONS = ['version', 'headers', 'toleranceSeconds', 'futureSkewSeconds', 'maxBodyBytes']

/**
 * Accepts requests signed in the simple form: a few headers that a shell script can write.
 * @example verifySignature({ keys, accept: [httpSignatures(), simpleHeaders({ version: 1 })] })
 * @throws {@link Misconfigured}
 */
export function simpleHeaders(options: SimpleHeadersOptions): SignatureScheme {
  if (options.version === 1) {
    requireKnownOptions('simpleHeaders', options, [...COMMON_OPTIONS, 'algorithms'])
    return createSimpleV1(simpleSettings(options, requireAlgorithms(options.algorithms ?? DEFAULT_ALGORITHMS)))
  }
  if (options.version === 0) {
    requireKnownOptions('simpleHeaders', options, [...COMMON_OPTIONS, 'routes'])
    return createSimpleV0(simpleSettings(options, ['ed25519']), options.routes)
  }
  throw new Misconfigured('ERR_OPTION_INVALID', 'version must be 0 or 1')
}
