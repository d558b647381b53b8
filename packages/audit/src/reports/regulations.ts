import { accountOfAccess, administration, failedAccess, integrity, type Regulation, type ReportFacts, retention, shownIf, type ClauseAnswer } from './requirement.ts'

/** General IT controls over financial reporting: the act names none, so these are the usual groups of controls. */
const SOX: Regulation = {
  title: 'SOX section 404, general IT controls (PCAOB AS 2201)',
  requirements: [
    {
      clause: 'Access: who did what',
      asks: 'Actions on financial systems are traced to who did them',
      find: accountOfAccess,
    },
    {
      clause: 'Access: authorisation',
      asks: 'Access is granted for a purpose, and used within it',
      find: ({ summary }) =>
        shownIf(
          summary.withCapabilities,
          `${summary.withCapabilities} decisions name the capabilities that were used; ${summary.unauthorised} refusals for want of a right`,
          'no route asks for a capability',
        ),
    },
    {
      clause: 'Segregation of duties',
      asks: 'What matters most is agreed to by a second person',
      find: ({ summary }) =>
        shownIf(
          summary.withApproval,
          `${summary.withApproval} requests used an approval, named in each`,
          'no request needed an approval',
        ),
    },
    { clause: 'Access: administration', asks: 'Grants, changes and revocations are recorded', find: administration },
    { clause: 'Access: attempts', asks: 'Failed attempts are recorded', find: failedAccess },
    {
      clause: 'Change management',
      asks: 'Under which configuration each decision was made',
      find: ({ summary }) => {
        const { allow, deny, observe } = summary.decisions
        const shows = `${allow + deny + observe} decisions carry the hash of how their guard was configured`
        return {
          answer: 'partly',
          shows,
          gap: 'who changed the configuration stands in the version control of the application',
        }
      },
    },
    { clause: 'Integrity of records', asks: 'Records are not altered (18 U.S.C. 1519)', find: integrity },
    {
      clause: 'Retention',
      asks: 'Seven years, as auditors keep their papers (17 CFR 210.2-06)',
      find: (facts) => retention(facts, 2555),
    },
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
    {
      clause: '164.312(b)',
      asks: 'Audit controls: record activity in systems that hold health information',
      find: accountOfAccess,
    },
    {
      clause: '164.312(a)(2)(i)',
      asks: 'Unique user identification',
      find: ({ summary }) => ({
        answer: summary.withoutAgent === 0 ? 'shown' : 'partly',
        shows: `${summary.agents} agents and ${summary.users} users told apart; ${summary.withoutAgent} decisions without an agent`,
        gap: summary.withoutAgent === 0 ? undefined : 'who was refused before an agent was known has only an address',
      }),
    },
    {
      clause: '164.312(d)',
      asks: 'Person or entity authentication',
      find: ({ summary }) =>
        shownIf(
          summary.signed + summary.signedIncompletely,
          `${summary.signed} decisions hold a signature that verifies, ${summary.signedIncompletely} one that verifies with the credential or content it covers`,
          'no request was signed',
        ),
    },
    { clause: '164.312(c)(1)', asks: 'Integrity: records are not altered improperly', find: integrity },
    { clause: '164.308(a)(5)(ii)(C)', asks: 'Log-in monitoring: attempts that failed', find: failedAccess },
    { clause: '164.308(a)(4)', asks: 'Information access management: who grants access', find: administration },
    {
      clause: '164.528',
      asks: 'Accounting of disclosures of health information',
      find: (facts) => tagged(facts, 'phi', '/patients/*'),
    },
    { clause: '164.316(b)(2)(i)', asks: 'Six years of documentation', find: (facts) => retention(facts, 2190) },
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
    { clause: 'Art. 5(2), 24', asks: 'Accountability: who processed what, on whose behalf', find: accountOfAccess },
    {
      clause: 'Art. 30',
      asks: 'Records of processing: categories of data',
      find: ({ summary }) => {
        const classes = Object.entries(summary.dataClasses).map(([name, count]) => `${name}: ${count}`)
        const tagged = Object.keys(summary.dataClasses).filter((name) => name !== 'none').length
        const gap = 'no route has a class of data: give auditTrail dataClass'
        const finding = shownIf(tagged, `decisions by class of data: ${classes.join(', ')}`, gap)
        return tagged === 0
          ? finding
          : { ...finding, answer: 'partly', gap: 'purposes and recipients are the record keeper\u2019s to name' }
      },
    },
    {
      clause: 'Art. 17',
      asks: 'Erasure on request, and that it was done',
      find: ({ summary }) => ({
        answer: 'partly',
        shows: `${summary.events['records_erased'] ?? 0} erasures recorded; ${summary.erasedValues} values are gone, and the chain holds`,
        gap: 'copies at other sinks, such as a SIEM, are erased there',
      }),
    },
    {
      clause: 'Art. 5(1)(e)',
      asks: 'Storage limitation: nothing is kept longer than needed',
      find: ({ summary: { events, from = 'never', pruned } }) => {
        const count = events['records_pruned'] ?? 0
        const shows = `${count} prunings took ${pruned} records; the oldest is of ${from}`
        if (count > 0) return { answer: 'shown', shows }
        return { answer: 'not_shown', shows, gap: 'nothing was ever pruned: run prune with a row for each class' }
      },
    },
    { clause: 'Art. 32(1)(b)', asks: 'Integrity and confidentiality of processing', find: integrity },
    { clause: 'Art. 33', asks: 'Breaches are found: attempts that failed', find: failedAccess },
    {
      clause: 'Art. 15',
      asks: 'Access: what was done for a person',
      find: ({ summary }) =>
        shownIf(
          summary.withUser,
          `${summary.withUser} decisions name, erasably, for whom they were made`,
          'no request was made on behalf of a user',
        ),
    },
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
    { clause: '10.2.1', asks: 'Audit logs are enabled and active', find: accountOfAccess },
    {
      clause: '10.2.1.1',
      asks: 'All individual access to cardholder data',
      find: (facts) => tagged(facts, 'cardholder', '/cards/*'),
    },
    { clause: '10.2.1.2', asks: 'All actions by anyone with administrative access', find: administration },
    { clause: '10.2.1.4', asks: 'All invalid access attempts', find: failedAccess },
    { clause: '10.2.1.5', asks: 'Changes to identification and authentication credentials', find: administration },
    {
      clause: '10.2.1.6',
      asks: 'Starting, stopping and pausing of audit logs',
      find: ({ summary }) => ({
        answer: 'partly',
        shows: `${summary.events['trail_started'] ?? 0} starts; ${summary.withheld} requests refused because nothing could be recorded`,
        gap: 'a process that is killed writes no end: the next start names where the chain before it ended',
      }),
    },
    {
      clause: '10.2.2',
      asks: 'User, type of event, date and time, success or failure, origin, and the resource, for each event',
      find: accountOfAccess,
    },
    {
      clause: '10.3.2, 10.3.4',
      asks: 'Logs are protected from modification, and changes are noticed',
      find: integrity,
    },
    { clause: '10.5.1', asks: 'Twelve months are kept', find: (facts) => retention(facts, 365) },
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

/** All of them. */
export const REGULATIONS: Readonly<Record<RegulationName, Regulation>> = { sox: SOX, hipaa: HIPAA, gdpr: GDPR, pci: PCI }

function tagged({ summary }: ReportFacts, dataClass: string, route: string): ClauseAnswer {
  const count = summary.dataClasses[dataClass] ?? 0
  const gap = `no route is tagged ${dataClass}: give auditTrail dataClass: dataClasses({ '${route}': '${dataClass}' })`
  return shownIf(count, `${count} decisions on routes tagged ${dataClass}`, gap)
}
