import type { DecisionRecord } from '../record/audit-record.ts'
import type { SealedMembers } from '../record/chain.ts'
import { commitmentsOf } from '../record/read-trail.ts'
import type { EvidenceState } from '../verify/check-record.ts'

/** What a trail holds, in numbers. */
export interface TrailSummary {
  readonly records: number
  /** Of the first and the last record. */
  readonly from: string | undefined
  readonly until: string | undefined
  readonly decisions: Readonly<Record<DecisionRecord['decision'], number>>
  readonly outcomes: number
  /** Agents and users that are told apart, at most `MAX_NAMES` of each. */
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

type Count = {
  [Name in keyof TrailSummary]: TrailSummary[Name] extends number ? Name : never
}[keyof TrailSummary]

/** Counts records. */
export class Tally {
  private readonly counts = new Counts<Count | DecisionRecord['decision']>()
  private readonly events = new Counts<string>()
  private readonly dataClasses = new Counts<string>()
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
    const of = (name: Count | DecisionRecord['decision']): number => this.counts.of(name)
    return {
      ...{ records: of('records'), from: this.from, until: this.until, outcomes: of('outcomes') },
      ...{ events: this.events.toObject(), dataClasses: this.dataClasses.toObject() },
      decisions: { allow: of('allow'), deny: of('deny'), observe: of('observe') },
      ...{ agents: this.agents.size, users: this.users.size, withoutAgent: of('withoutAgent') },
      ...{ unauthenticated: of('unauthenticated'), unauthorised: of('unauthorised') },
      ...{ withUser: of('withUser'), withAddress: of('withAddress'), withApproval: of('withApproval') },
      ...{ withCapabilities: of('withCapabilities'), withheld: of('withheld') },
      ...{ signed: of('signed'), signedIncompletely: of('signedIncompletely') },
      ...{ erasedValues: of('erasedValues'), pruned },
    }
  }

  private addDecision(record: DecisionRecord, values: SealedMembers['private'], evidence: EvidenceState): void {
    const { action, agent, code, commitments, decision, resource, status } = record
    const countIf = (name: Count, holds: boolean): void => this.counts.add(name, holds ? 1 : 0)
    this.counts.add(decision)
    this.dataClasses.add(resource.dataClass ?? 'none')
    remember(this.agents, agent?.id)
    remember(this.users, values['user']?.value)
    countIf('signed', evidence === 'verified')
    countIf('signedIncompletely', evidence === 'incomplete')
    countIf('withoutAgent', agent === undefined)
    countIf('unauthenticated', code !== undefined && status === 401)
    countIf('unauthorised', code !== undefined && status === 403)
    countIf('withUser', Object.hasOwn(commitments, 'user'))
    countIf('withAddress', Object.hasOwn(commitments, 'address'))
    countIf('withApproval', action.approval !== undefined)
    countIf('withCapabilities', action.capabilities !== undefined)
    countIf('withheld', code === 'audit_unavailable')
  }
}

class Counts<Name extends string> {
  private readonly byName = new Map<Name, number>()

  add(name: Name, by = 1): void {
    this.byName.set(name, this.of(name) + by)
  }

  of(name: Name): number {
    return this.byName.get(name) ?? 0
  }

  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.byName)
  }
}

function remember(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && names.size < MAX_NAMES) names.add(name)
}
