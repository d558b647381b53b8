import type { AuditEvent } from '@countermark/audit'
import { type CapabilityRules, requireApproval } from '@countermark/capability'
import type { LevelChange, ReviewAct, RiskCheck } from '@countermark/risk'
import type { CountermarkOptions } from './countermark-options.ts'
import { riskPart } from './parts-on-first-use.ts'

/** What takes events: the audit trail, and streams of events. */
interface EventTaker {
  readonly event: (event: AuditEvent) => void | Promise<void>
}

/** What was made before, so that its `review` is at hand, or what its options make. */
export function readRisk(given: CountermarkOptions['risk'], rules: CapabilityRules): RiskCheck | undefined {
  if (given === undefined || typeof given === 'function') return given
  // At level `approval` the same people are asked as for grants that need a person's consent.
  const { approval = rules.approvals && requireApproval(rules) } = given
  return riskPart().assessRisk({ ...given, ...(approval === undefined ? {} : { approval }) })
}

/** Tells whatever takes events of each change of level, with its reasons, and of each decision of a reviewer. */
export function recordRisk(risk: RiskCheck, parts: readonly (object | undefined)[]): void {
  const takers = parts.filter(takesEvents)
  if (takers.length === 0) return
  const tell = (event: AuditEvent): void => {
    for (const taker of takers) tellOne(taker, event)
  }
  risk.onChange((change) => tell(eventOfChange(change)))
  risk.onReview((act) => tell(eventOfReview(act)))
}

function takesEvents(part: object | undefined): part is EventTaker {
  return part !== undefined && 'event' in part && typeof part.event === 'function'
}

/** No request waits for it; what cannot be recorded is told to the operator. */
function tellOne(taker: EventTaker, event: AuditEvent): void {
  const failed = (error: unknown): void => {
    const why = error instanceof Error ? error.message : 'no error'
    process.emitWarning(`${event.event} could not be recorded: ${why}`, 'CountermarkWarning')
  }
  try {
    Promise.resolve(taker.event(event)).catch(failed)
  } catch (error) {
    failed(error)
  }
}

function eventOfChange({ agentId, from, to, score, reasons, by, why }: LevelChange): AuditEvent {
  const details = { agent: agentId, from, to, score, reasons, by, ...(why === undefined ? {} : { why }) }
  return { event: 'risk_level_changed', details }
}

function eventOfReview({ agentId, level, review }: ReviewAct): AuditEvent {
  return { event: 'risk_reviewed', details: { agent: agentId, level_now: level, ...review } }
}
