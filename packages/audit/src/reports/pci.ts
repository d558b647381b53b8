import { accountOfAccess, administration, failedAccess, integrity, type Regulation, retention, shownIf } from './requirement.ts'

/** Requirement 10: log and monitor all access to system components and cardholder data. */
export const PCI: Regulation = {
  title: 'PCI DSS 4.0, requirement 10',
  requirements: [
    { clause: '10.2.1', asks: 'Audit logs are enabled and active', find: accountOfAccess },
    {
      clause: '10.2.1.1',
      asks: 'All individual access to cardholder data',
      find: ({ summary }) =>
        shownIf(
          summary.dataClasses['cardholder'] ?? 0,
          `${summary.dataClasses['cardholder'] ?? 0} decisions on routes tagged cardholder`,
          "no route is tagged cardholder: give auditTrail dataClass: dataClasses({ '/cards/*': 'cardholder' })",
        ),
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
