import { type KeySource, Misconfigured, type ReplayStore } from '@countermark/core'
import {
  callback,
  custom,
  methods,
  number,
  type OptionReader,
  optionTable,
  undescribed,
  word,
} from '@countermark/core/internal'
import type { ApprovalRequest } from './approval-digest.ts'
import type { ApprovedAmount } from './approval-ticket.ts'

/** A request that needs a human, as the service saw it: nothing in it is the agent's word. */
export interface RefusedRequest extends ApprovalRequest {
  /** Who this service is to the approver. */
  readonly audience: string
  /** See `approvalDigest`. */
  readonly digest: string
  /** The template of the route, such as `/refunds`; `undefined` where it is not known. */
  readonly route: string | undefined
  /** What the request moves, where its route declares `amount` and `currency`. */
  readonly amount: ApprovedAmount | undefined
  /** Until when it may be taken to the approver. Unix seconds. */
  readonly expiresAt: number
}

/** A request that waits at the approver. */
export interface FiledRequest {
  /** Its name there. */
  readonly id: string
  /** Where the agent asks what was decided. */
  readonly url: string
  /** Without a decision until then it is denied. Unix seconds. */
  readonly expiresAt: number
  /** How long the agent waits before it asks. Seconds. */
  readonly retryAfterSeconds: number
}

/** Who approves, and how tickets are verified. */
export interface ApprovalOptions {
  /** Who signs tickets: their `iss`, and the name under which `keys` knows the approver. */
  readonly issuer: string
  /** The keys of those who approve. */
  readonly keys: KeySource
  /** Who this service is to the approver: the tickets' `aud`. */
  readonly audience: string
  /** Where used tickets are remembered; the store of `preventReplay` will do. */
  readonly store: ReplayStore
  /** Where agents ask for approval. Told to them. */
  readonly url: string
  /** Longest life of a ticket. @default 86_400 */
  readonly maxLifetimeSeconds?: number
  /** How long a refused request may be taken to the approver. Seconds. @default 600 */
  readonly offerSeconds?: number
  /** Proves to the approver that this request was refused here: `access_request.binding_token`. @default it is not proven */
  readonly bind?: (refused: RefusedRequest) => string
  /** Leaves a refused request with the approver; `undefined` where the agent has to take it there. @default none is left */
  readonly file?: (refused: RefusedRequest) => Promise<FiledRequest | undefined>
  /**
   * What a request without a ticket gets: `refused`: 403 `approval_required`; `filed`: it is left with the approver, and 202
   * `approval_pending` says where the agent asks. `filed` needs `file`. @default 'refused'
   */
  readonly unapproved?: 'refused' | 'filed'
}

type Optional = 'bind' | 'file'

/** The same after validation. */
export type ApprovalRules = Readonly<
  Required<Omit<ApprovalOptions, Optional>> & { [Name in Optional]: ApprovalOptions[Name] | undefined }
>

const NAMED = custom((name, given) => {
  if (typeof given === 'string' && given !== '') return given
  throw new Misconfigured('ERR_OPTION_MISSING', `${name} must be stated, as a text`)
})

const OPTIONS = optionTable('approvals', {
  issuer: NAMED,
  keys: methods<KeySource>(['findKeys'], 'pass the source of the keys of approvers'),
  audience: NAMED,
  store: methods<ReplayStore>(['claim'], 'pass the store of preventReplay'),
  url: NAMED,
  maxLifetimeSeconds: number({ min: 1, max: 2_592_000, default: 86_400 }),
  offerSeconds: number({ min: 30, max: 86_400, default: 600 }),
  bind: undescribed(callback<NonNullable<ApprovalOptions['bind']>>()),
  file: undescribed(callback<NonNullable<ApprovalOptions['file']>>()),
  unapproved: word(['refused', 'filed'], 'refused'),
})

/** Reads who approves; `undefined`: what needs approval is refused. */
export const APPROVALS: OptionReader<ApprovalRules | undefined> = custom((_name, given) => {
  if (given === undefined) return undefined
  const rules = OPTIONS.read(given as ApprovalOptions, 'approvals.')
  if (rules.unapproved === 'refused' || rules.file !== undefined) return rules
  const fix = 'pass approvals.file, or fromAuthority(url, { token, audience })'
  throw new Misconfigured('ERR_OPTION_MISSING', `approvals.unapproved: 'filed' needs a way to the approver; ${fix}`)
})
