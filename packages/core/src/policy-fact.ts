/** What the organisation's own policy said of the request. Established by a check of policies. */
export interface PolicyFact {
  /** What was asked: `opa`, `cedar`, or the name of an engine of yours. */
  readonly engine: string
  /** `unavailable`: there was no answer that could be read, so the request was refused. */
  readonly decision: 'allow' | 'deny' | 'unavailable'
  /** What the engine was asked about, as the route calls it. */
  readonly action: string
  /** Why, in the words of the engine: for operators. */
  readonly reason: string | undefined
  /** Which version of the policy decided, as the engine calls it. */
  readonly revision: string | undefined
  /** The name under which the engine logged the decision. */
  readonly decisionId: string | undefined
  /** What the engine asked for besides: `approval`, `read_only`, `limit`. */
  readonly obligations: readonly string[]
  /** The answer to an equal question was used again, for as long as the engine allowed. */
  readonly isCached: boolean
  /** The whole question as JSON, where the check keeps it for the audit trail. */
  readonly question?: string | undefined
}
