/** Strings and numbers of JSON text; strings first, so that no digit inside of one counts. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/**
 * Whether every number in JSON text has the value that a double gives it. One that has not, such as 9007199254740993, is read
 * as another number by one parser and exactly by the next.
 */
export function hasOnlyExactNumbers(json: string): boolean {
  for (const [token] of json.matchAll(TOKEN)) {
    if (!token.startsWith('"') && decimalOf(token) !== decimalOf(String(Number(token)))) return false
  }
  return true
}

/** Significant digits and exponent: one text for each value, however it is written. */
function decimalOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const sign = mantissa.startsWith('-') ? '-' : ''
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
