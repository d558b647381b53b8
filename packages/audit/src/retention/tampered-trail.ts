import type { Finding } from '../verify/check-record.ts'

/** A trail is changed only while it is as it was written: otherwise a change would cover up another. */
export class TamperedTrail extends Error {
  override readonly name = 'TamperedTrail'
  /** The first findings of its verification. */
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[]) {
    super('the trail is not as it was written, so nothing in it was changed: run verify')
    this.findings = findings
  }
}
