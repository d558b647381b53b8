import { type Anchors, NO_ANCHORS } from '../verify/anchors.ts'
import { verifyTrail } from '../verify/verify-trail.ts'
import {
  accessTo,
  accountOfAccess,
  administration,
  approvals,
  authentication,
  authorisation,
  type ClauseAnswer,
  categories,
  configurations,
  erasure,
  type FindAnswer,
  failedAccess,
  forWhom,
  identification,
  integrity,
  pruning,
  retention,
  startsAndStops,
} from './clause-answers.ts'
import { Tally, type TrailSummary } from './trail-summary.ts'

/** What a trail says to a clause. */
export interface ClauseReport extends ClauseAnswer {
  readonly clause: string
  readonly asks: string
}

/** What a trail has to say to a regulation, and what it has not. It is evidence for an assessor, no statement of compliance. */
export interface RegulationReport {
  /** Which regulation it is about. */
  readonly regulation: RegulationName
  /** Its name, as a heading. */
  readonly title: string
  /** What the trail holds, in numbers. */
  readonly summary: TrailSummary
  /** How many things are wrong with the trail; 0 when it is whole. */
  readonly findingCount: number
  /** What the trail says on each clause. */
  readonly clauses: readonly ClauseReport[]
  /** What no trail shows. */
  readonly beyond: readonly string[]
}

/** Options of {@link regulationReport}. */
export interface RegulationReportOptions {
  /** Which regulation to report on. */
  readonly regulation: RegulationName
  /** @default no checkpoints: nothing counts as anchored */
  readonly anchors?: Anchors
  /** Older files were taken away on purpose. @default false */
  readonly partial?: boolean
}

/** Whether there is a report about it. */
export function isRegulationName(name: unknown): name is RegulationName {
  return typeof name === 'string' && Object.hasOwn(REGULATIONS, name)
}

/**
 * Verifies files of a trail and reports what they show of each thing that a regulation asks.
 * @throws what the file system throws
 */
export async function regulationReport(
  paths: readonly string[],
  { regulation, anchors = NO_ANCHORS, partial = false }: RegulationReportOptions,
): Promise<RegulationReport> {
  const { title, requirements, beyond } = REGULATIONS[regulation]
  const tally = new Tally()
  const verified = await verifyTrail(paths, {
    anchors,
    partial,
    onRecord: (sealed, evidence) => tally.add(sealed, evidence),
  })
  const summary = tally.summary(verified.pruned)
  const clauses = requirements.map(([clause, asks, find]) => ({ clause, asks, ...find({ summary, verified }) }))
  return { regulation, title, summary, findingCount: verified.findingCount, clauses, beyond }
}

/** A regulation, as far as it is about records of access. */
interface Regulation {
  readonly title: string
  /** What it asks, clause by clause, and where the answer is found. */
  readonly requirements: readonly (readonly [clause: string, asks: string, find: FindAnswer])[]
  /** What no trail of this kind can show. */
  readonly beyond: readonly string[]
}

/** General IT controls over financial reporting: the act names none, so these are the usual groups of controls. */
const SOX: Regulation = {
  title: 'SOX section 404, general IT controls (PCAOB AS 2201)',
  requirements: [
    ['Access: who did what', 'Actions on financial systems are traced to who did them', accountOfAccess],
    ['Access: authorisation', 'Access is granted for a purpose, and used within it', authorisation],
    ['Segregation of duties', 'What matters most is agreed to by a second person', approvals],
    ['Access: administration', 'Grants, changes and revocations are recorded', administration],
    ['Access: attempts', 'Failed attempts are recorded', failedAccess],
    ['Change management', 'Under which configuration each decision was made', configurations],
    ['Integrity of records', 'Records are not altered (18 U.S.C. 1519)', integrity],
    ['Retention', 'Seven years, as auditors keep their papers (17 CFR 210.2-06)', retention(2555)],
  ],
  beyond: [
    'whether an amount was right: the trail holds what was asked for and granted, not the books',
    'that access rights are reviewed periodically, and by whom',
    'changes to programs, and backups',
  ],
}

/** 45 CFR part 164, subpart C, and section 164.528. */
const HIPAA: Regulation = {
  title: 'HIPAA Security Rule (45 CFR part 164)',
  requirements: [
    ['164.312(b)', 'Audit controls: record activity in systems that hold health information', accountOfAccess],
    ['164.312(a)(2)(i)', 'Unique user identification', identification],
    ['164.312(d)', 'Person or entity authentication', authentication],
    ['164.312(c)(1)', 'Integrity: records are not altered improperly', integrity],
    ['164.308(a)(5)(ii)(C)', 'Log-in monitoring: attempts that failed', failedAccess],
    ['164.308(a)(4)', 'Information access management: who grants access', administration],
    ['164.528', 'Accounting of disclosures of health information', accessTo('phi', '/patients/*')],
    ['164.316(b)(2)(i)', 'Six years of documentation', retention(2190)],
  ],
  beyond: [
    '164.308(a)(1)(ii)(D): that these records are reviewed regularly',
    'whether a patient whose record was read is the one the user may see: the trail holds the route, not the content',
    'access that does not pass a guard, such as a database console or a backup',
  ],
}

/** Regulation (EU) 2016/679, as far as it is about records of processing by agents. */
const GDPR: Regulation = {
  title: 'GDPR (Regulation (EU) 2016/679)',
  requirements: [
    ['Art. 5(2), 24', 'Accountability: who processed what, on whose behalf', accountOfAccess],
    ['Art. 30', 'Records of processing: categories of data', categories],
    ['Art. 17', 'Erasure on request, and that it was done', erasure],
    ['Art. 5(1)(e)', 'Storage limitation: nothing is kept longer than needed', pruning],
    ['Art. 32(1)(b)', 'Integrity and confidentiality of processing', integrity],
    ['Art. 33', 'Breaches are found: attempts that failed', failedAccess],
    ['Art. 15', 'Access: what was done for a person', forWhom],
  ],
  beyond: [
    'the legal basis and the purpose of each processing (Art. 6): an agent may state its intent, which proves nothing',
    'which personal data an answer held: the trail holds the route and its class, not the content',
    'identifiers of agents, their owners and token ids are hashed into the chain and are not erased: do not name people in them',
  ],
}

/** Requirement 10: log and monitor all access to system components and cardholder data. */
const PCI: Regulation = {
  title: 'PCI DSS 4.0, requirement 10',
  requirements: [
    ['10.2.1', 'Audit logs are enabled and active', accountOfAccess],
    ['10.2.1.1', 'All individual access to cardholder data', accessTo('cardholder', '/cards/*')],
    ['10.2.1.2', 'All actions by anyone with administrative access', administration],
    ['10.2.1.4', 'All invalid access attempts', failedAccess],
    ['10.2.1.5', 'Changes to identification and authentication credentials', administration],
    ['10.2.1.6', 'Starting, stopping and pausing of audit logs', startsAndStops],
    [
      '10.2.2',
      'User, type of event, time, success or failure, origin, and the resource, for each event',
      accountOfAccess,
    ],
    ['10.3.2, 10.3.4', 'Logs are protected from modification, and changes are noticed', integrity],
    ['10.5.1', 'Twelve months are kept', retention(365)],
  ],
  beyond: [
    '10.2.1.3: who reads this trail; watch its files and its database with what guards them',
    '10.2.1.7: creation and deletion of system-level objects',
    '10.3.1, 10.3.3: who can read the files, and that a copy is on another server: see the sinks of the trail',
    '10.4: that logs are reviewed daily, and 10.7: that failures of the log are answered; see the alerts of the metrics',
    '10.6: that clocks are synchronised',
  ],
}

/** Regulations that a report can be about. */
export type RegulationName = 'sox' | 'hipaa' | 'gdpr' | 'pci'

const REGULATIONS: Readonly<Record<RegulationName, Regulation>> = { sox: SOX, hipaa: HIPAA, gdpr: GDPR, pci: PCI }
