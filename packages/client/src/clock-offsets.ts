import { parseHttpDate } from './http-date.ts'

/** Codes of refusals that a wrong clock explains. */
const TIME_CODES: ReadonlySet<string> = new Set(['signature_expired', 'signature_not_yet_valid', 'dpop_proof_invalid'])

/** Whether a refusal is, or may be, about the time of the signature or the proof. */
export function isAboutTime(code: string | undefined): boolean {
  return code !== undefined && TIME_CODES.has(code)
}

/** How far the clocks of others are ahead of ours. One entry for each allowed origin at most. */
export interface ClockOffsets {
  /** Milliseconds to add to our clock for an origin. */
  readonly offsetMs: (origin: string) => number
  /** Believes the `Date` of a response if it is near enough; tells whether it did. */
  readonly learn: (origin: string, response: Response, nowMs: number) => boolean
}

/** Remembers offsets up to a limit: what a server may claim about the time is bounded. */
export function createClockOffsets(maxClockSkewSeconds: number): ClockOffsets {
  const offsets = new Map<string, number>()
  return {
    offsetMs: (origin) => offsets.get(origin) ?? 0,
    learn: (origin, response, nowMs) => {
      // An answer out of a cache tells the time of another request.
      const dateMs = response.headers.has('age') ? Number.NaN : parseHttpDate(response.headers.get('date') ?? '')
      const offsetMs = dateMs - nowMs
      if (!(Math.abs(offsetMs) <= maxClockSkewSeconds * 1000)) return false
      offsets.set(origin, offsetMs)
      return true
    },
  }
}
