let knownMs = Number.NaN
let known = ''

/** ISO 8601 in UTC with milliseconds. Requests that come together have the same time, which is then written once. */
export function isoTime(ms: number): string {
  if (ms !== knownMs) {
    known = new Date(ms).toISOString()
    knownMs = ms
  }
  return known
}
