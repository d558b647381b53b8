import { accountOfAccess, administration, failedAccess, integrity, type Regulation, retention, shownIf } from './requirement.ts'

/** 45 CFR part 164, subpart C, and section 164.528. */
export const HIPAA: Regulation = {
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
      find: ({ summary }) =>
        shownIf(
          summary.dataClasses['phi'] ?? 0,
          `${summary.dataClasses['phi'] ?? 0} decisions on routes tagged phi`,
          "no route is tagged phi: give auditTrail dataClass: dataClasses({ '/patients/*': 'phi' })",
        ),
    },
    { clause: '164.316(b)(2)(i)', asks: 'Six years of documentation', find: (facts) => retention(facts, 2190) },
  ],
  beyond: [
    '164.308(a)(1)(ii)(D): that somebody reviews these records regularly',
    'whether a patient whose record was read is the one the user may see: the trail holds the route, not the content',
    'access that does not pass a guard, such as a database console or a backup',
  ],
}
