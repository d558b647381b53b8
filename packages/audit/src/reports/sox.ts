import { accountOfAccess, administration, failedAccess, integrity, type Regulation, retention, shownIf } from './requirement.ts'

/** General IT controls over financial reporting: the act names none, so the usual groups of controls stand in its place. */
export const SOX: Regulation = {
  title: 'SOX section 404, general IT controls (PCAOB AS 2201)',
  requirements: [
    {
      clause: 'Access: who did what',
      asks: 'Actions on financial systems are traced to somebody',
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
