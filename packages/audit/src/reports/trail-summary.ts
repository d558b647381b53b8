import type { AuditRecord, DecisionRecord, EventRecord } from '../record/audit-record.ts'
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

type Counts = Map<string, number>

/** Counts records. */
export interface Tally {
  /** A record with which nothing is wrong by itself. */
  readonly add: (sealed: SealedMembers, evidence: EvidenceState) => void
  readonly summary: (pruned: number) => TrailSummary
}

/** Starts with nothing. */
export function createTally(): Tally {
  const counts: Counts = new Map()
  const events: Counts = new Map()
  const dataClasses: Counts = new Map()
  const agents = new Set<string>()
  const users = new Set<string>()
  let from: string | undefined
  let until: string | undefined
  const of = (name: string): number => counts.get(name) ?? 0

  function add({ record, private: values }: SealedMembers, evidence: EvidenceState): void {
    count(counts, 'records')
    if (from === undefined || record.at < from) from = record.at
    if (until === undefined || record.at > until) until = record.at
    count(counts, 'erasedValues', erasedOf(record, values))
    if (record.type === 'outcome') count(counts, 'outcomes')
    else if (record.type === 'event') count(events, record.event)
    else addDecision(record, values, evidence)
  }

  function addDecision(record: DecisionRecord, values: SealedMembers['private'], evidence: EvidenceState): void {
    count(counts, record.decision)
    count(dataClasses, record.resource.dataClass ?? 'none')
    remember(agents, record.agent?.id)
    remember(users, values['user']?.value)
    if (evidence === 'verified') count(counts, 'signed')
    if (evidence === 'incomplete') count(counts, 'signedIncompletely')
    for (const [name, holds] of Object.entries(marksOf(record))) if (holds) count(counts, name)
  }

  return {
    add,
    summary: (pruned) => ({
      ...{ records: of('records'), from, until, outcomes: of('outcomes') },
      ...{ events: Object.fromEntries(events), dataClasses: Object.fromEntries(dataClasses) },
      decisions: { allow: of('allow'), deny: of('deny'), observe: of('observe') },
      ...{ agents: agents.size, users: users.size, withoutAgent: of('withoutAgent') },
      ...{ unauthenticated: of('unauthenticated'), unauthorised: of('unauthorised') },
      ...{ withUser: of('withUser'), withAddress: of('withAddress'), withApproval: of('withApproval') },
      ...{ withCapabilities: of('withCapabilities'), withheld: of('withheld') },
      ...{ signed: of('signed'), signedIncompletely: of('signedIncompletely') },
      ...{ erasedValues: of('erasedValues'), pruned },
    }),
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

function erasedOf(record: AuditRecord | EventRecord, values: SealedMembers['private']): number {
  const commitments = record.type === 'outcome' ? {} : record.commitments
  return Object.keys(commitments).length - Object.keys(values).length
}

function count(counts: Counts, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by)
}

function remember(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && names.size < MAX_NAMES) names.add(name)
}
