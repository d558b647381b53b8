import { type KeySource, Misconfigured, type ReplayStore, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireMethods } from '@countermark/core/internal'

/** Who approves, and how tickets are judged. */
export interface ApprovalOptions {
  /** Who signs tickets: their `iss`, and the name under which `keys` knows the approver. */
  readonly issuer: string
  readonly keys: KeySource
  /** Who this service is to the approver: the tickets' `aud`. */
  readonly audience: string
  /** Where used tickets are remembered; the store of `preventReplay` will do. */
  readonly store: ReplayStore
  /** Where agents ask for approval. Told to them. */
  readonly url: string
  /** Longest life of a ticket. @default 86_400 */
  readonly maxLifetimeSeconds?: number
}

/** The same after validation. */
export type ApprovalRules = Readonly<Required<ApprovalOptions>>

/**
 * Validates who approves.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function readApprovalOptions(options: ApprovalOptions): ApprovalRules {
  requireKnownOptions('approvals', options, ['issuer', 'keys', 'audience', 'store', 'url', 'maxLifetimeSeconds'])
  const { issuer, keys, audience, store, url, maxLifetimeSeconds = 86_400 } = options
  for (const [name, value] of Object.entries({ issuer, audience, url })) {
    if (typeof value !== 'string' || value === '') {
      throw new Misconfigured('ERR_OPTION_MISSING', `approvals.${name} must be stated, as a text`)
    }
  }
  return {
    issuer,
    keys: requireMethods('approvals.keys', keys, ['findKeys']),
    audience,
    store: requireMethods('approvals.store', store, ['claim']),
    url,
    maxLifetimeSeconds: requireNumber('approvals.maxLifetimeSeconds', maxLifetimeSeconds, { min: 1, max: 2_592_000 }),
  }
}
