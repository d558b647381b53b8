import type { CountermarkOptions } from 'countermark/express'

/** Callers and their keys; the service keeps the SHA-256 of each. */
export const KEYS = { agt_crm: 'ak_crm_2h7Qw9xZ4mN8', agt_nightly: 'ak_nightly_T5vB1kR3' } as const

/** What each step changes: the options of `countermark`, and nothing else of the application. */
export interface Day {
  readonly at: string
  readonly name: string
  readonly options: Pick<CountermarkOptions, 'mode'>
  /** Whether the service still checks keys by itself. */
  readonly hasOwnCheck: boolean
}

/** The end of keys, announced a month after the first look. */
export const END = {
  deprecated: '2026-11-01T00:00:00Z',
  brownouts: [{ from: '2027-01-11T10:00:00Z', minutes: 10, everyDays: 7 }],
  sunset: '2027-03-31T00:00:00Z',
  documentation: 'https://api.example.com/docs/sign-requests',
}

export const DAYS: readonly Day[] = [
  { at: '2026-10-01T09:00:00Z', name: 'observe', options: { mode: 'observe' }, hasOwnCheck: true },
  { at: '2026-11-02T09:00:00Z', name: 'both', options: {}, hasOwnCheck: false },
  { at: '2027-01-18T10:04:00Z', name: 'brownout', options: {}, hasOwnCheck: false },
  { at: '2027-03-31T00:00:01Z', name: 'off', options: {}, hasOwnCheck: false },
]
