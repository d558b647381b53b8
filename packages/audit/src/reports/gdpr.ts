import { accountOfAccess, failedAccess, integrity, type Regulation, shownIf } from './requirement.ts'

/** Regulation (EU) 2016/679, as far as it is about records of processing by agents. */
export const GDPR: Regulation = {
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
      find: ({ summary }) => ({
        answer: (summary.events['records_pruned'] ?? 0) > 0 ? 'shown' : 'not_shown',
        shows: `${summary.events['records_pruned'] ?? 0} prunings took ${summary.pruned} records; the oldest is of ${summary.from ?? 'never'}`,
        gap:
          (summary.events['records_pruned'] ?? 0) > 0
            ? undefined
            : 'nothing was ever pruned: run prune with a row for each class',
      }),
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
