import { commitmentsOf } from '../record/parse-line.ts'
import type { DecisionRecord } from '../record/audit-record.ts'
import type { EvidenceState } from '../verify/evidence-check.ts'
import type { SealedMembers } from '../record/chain.ts'

/** What a trail holds, in numbers. */
export interface TrailSummary {
  readonly records: number
  /** Of the first and the last record. */
  readonly from: string | undefined
  readonly until: string | undefined
  readonly decisions: Readonly<Record<DecisionRecord['decision'], number>>
  readonly outcomes: number
  /** Agents and users that are told apart, at most {@link MAX_NAMES} of each. */
  readonly agents: number
  readonly users: number
  /** Decisions on whom nothing was proven: refused before an agent was known, or let pass as anonymous. */
  readonly withoutAgent: number
  /** Refusals that were answered by 401, and by 403: failed logins, and what a caller may not do. */
  readonly unauthenticated: number
  readonly unauthorised: number
  readonly withUser: number
  readonly withAddress: number
  readonly withApproval: number
  readonly withCapabilities: number
  /** Decisions whose signature verifies with what the trail holds, and those for which a credential or the content is needed. */
  readonly signed: number
  readonly signedIncompletely: number
  /** Decisions that could not be recorded before an answer, and were refused for it. */
  readonly withheld: number
  /** Events by name. */
  readonly events: Readonly<Record<string, number>>
  /** Decisions by class of data; `none` for those without. */
  readonly dataClasses: Readonly<Record<string, number>>
  readonly erasedValues: number
  readonly pruned: number
}

const MAX_NAMES = 100_000

/** Counts records. */
export class Tally {
  private readonly counts = new Counts()
  private readonly events = new Counts()
  private readonly dataClasses = new Counts()
  private readonly agents = new Set<string>()
  private readonly users = new Set<string>()
  private from: string | undefined
  private until: string | undefined

  /** A record with which nothing is wrong by itself. */
  add({ record, private: values }: SealedMembers, evidence: EvidenceState): void {
    this.counts.add('records')
    if (this.from === undefined || record.at < this.from) this.from = record.at
    if (this.until === undefined || record.at > this.until) this.until = record.at
    this.counts.add('erasedValues', Object.keys(commitmentsOf(record)).length - Object.keys(values).length)
    if (record.type === 'outcome') this.counts.add('outcomes')
    else if (record.type === 'event') this.events.add(record.event)
    else this.addDecision(record, values, evidence)
  }

  summary(pruned: number): TrailSummary {
    const { agents, from, until, users } = this
    const of = (name: string): number => this.counts.of(name)
    return {
      ...{ records: of('records'), from, until, outcomes: of('outcomes') },
      ...{ events: this.events.toObject(), dataClasses: this.dataClasses.toObject() },
      decisions: { allow: of('allow'), deny: of('deny'), observe: of('observe') },
      ...{ agents: agents.size, users: users.size, withoutAgent: of('withoutAgent') },
      ...{ unauthenticated: of('unauthenticated'), unauthorised: of('unauthorised') },
      ...{ withUser: of('withUser'), withAddress: of('withAddress'), withApproval: of('withApproval') },
      ...{ withCapabilities: of('withCapabilities'), withheld: of('withheld') },
      ...{ signed: of('signed'), signedIncompletely: of('signedIncompletely') },
      ...{ erasedValues: of('erasedValues'), pruned },
    }
  }

  private addDecision(record: DecisionRecord, values: SealedMembers['private'], evidence: EvidenceState): void {
    this.counts.add(record.decision)
    this.dataClasses.add(record.resource.dataClass ?? 'none')
    remember(this.agents, record.agent?.id)
    remember(this.users, values['user']?.value)
    if (evidence === 'verified') this.counts.add('signed')
    if (evidence === 'incomplete') this.counts.add('signedIncompletely')
    for (const [name, holds] of Object.entries(marksOf(record))) if (holds) this.counts.add(name)
  }
}

class Counts {
  private readonly byName = new Map<string, number>()

  add(name: string, by = 1): void {
    this.byName.set(name, this.of(name) + by)
  }

  of(name: string): number {
    return this.byName.get(name) ?? 0
  }

  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.byName)
  }
}

function marksOf({ agent, code, commitments, action, status }: DecisionRecord): Readonly<Record<string, boolean>> {
  return {
    withoutAgent: agent === undefined,
    unauthenticated: code !== undefined && status === 401,
    unauthorised: code !== undefined && status === 403,
    withUser: Object.hasOwn(commitments, 'user'),
    withAddress: Object.hasOwn(commitments, 'address'),
    withApproval: action.approval !== undefined,
    withCapabilities: action.capabilities !== undefined,
    withheld: code === 'audit_unavailable',
  }
}

function remember(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && names.size < MAX_NAMES) names.add(name)
}
