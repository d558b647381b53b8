const IMF_FIXDATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/

/** Unix milliseconds of a date as HTTP writes it (RFC 9110 section 5.6.7); NaN for anything else. */
export function parseHttpDate(text: string): number {
  return IMF_FIXDATE.test(text) ? Date.parse(text) : Number.NaN
}
