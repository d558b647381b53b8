import { Misconfigured, requireKnownOptions } from '@countermark/core'

/** Names of the header fields, where a deployment calls them otherwise, such as `X-Agent-ID`. */
export interface SimpleHeaderNames {
  /** @default 'Agent-ID' */
  readonly agentId?: string
  /** @default 'Agent-Auth-Version' */
  readonly version?: string
  /** @default 'Timestamp' */
  readonly timestamp?: string
  /** @default 'Nonce' */
  readonly nonce?: string
  /** @default 'Key-ID' */
  readonly keyId?: string
  /** @default 'Signature' */
  readonly signature?: string
}

const DEFAULTS: Readonly<Required<SimpleHeaderNames>> = {
  agentId: 'Agent-ID',
  version: 'Agent-Auth-Version',
  timestamp: 'Timestamp',
  nonce: 'Nonce',
  keyId: 'Key-ID',
  signature: 'Signature',
}

/** RFC 9110 section 5.6.2, without what would need quoting elsewhere. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/

/** Fields with a meaning of their own. */
const TAKEN = ['authorization', 'agent-delegation', 'signature-input', 'host', 'content-length', 'transfer-encoding']

/**
 * Fills in the names that are not given.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function completeHeaderNames(given: SimpleHeaderNames = {}): Readonly<Required<SimpleHeaderNames>> {
  requireKnownOptions('headers', given, Object.keys(DEFAULTS))
  const names = { ...DEFAULTS, ...given }
  const seen = new Set(TAKEN)
  for (const [role, name] of Object.entries(names)) {
    if (typeof name !== 'string' || !FIELD_NAME.test(name) || seen.has(name.toLowerCase())) {
      throw new Misconfigured('ERR_OPTION_INVALID', `headers.${role} must be a header field name used for nothing else`)
    }
    seen.add(name.toLowerCase())
  }
  return names
}
