const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether every number in JSON text has the value that a double gives it. One that has not, such as 9007199254740993, is read
 * as another number by one parser and exactly by the next.
 */
export function hasOnlyExactNumbers(json: string): boolean {
  let index = 0
  while (index < json.length) {
    const code = json.charCodeAt(index)
    if (code === QUOTE) {
      index = endOfString(json, index)
    } else if (isNumberPart(code)) {
      const end = endOfNumber(json, index)
      const number = json.slice(index, end)
      if (decimalOf(number) !== decimalOf(String(Number(number)))) return false
      index = end
    } else {
      index++
    }
  }
  return true
}

function endOfString(json: string, start: number): number {
  let index = start + 1
  while (index < json.length && json.charCodeAt(index) !== QUOTE) index += json.charCodeAt(index) === BACKSLASH ? 2 : 1
  return index + 1
}

function endOfNumber(json: string, start: number): number {
  let index = start
  while (index < json.length && isNumberCharacter(json.charCodeAt(index))) index++
  return index
}

/** A digit, or the minus before one: nothing else begins a number in JSON. */
function isNumberPart(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d
}

function isNumberCharacter(code: number): boolean {
  return isNumberPart(code) || code === 0x2b || code === 0x2e || code === 0x45 || code === 0x65
}

/** Significant digits and exponent: one text for each value, however it is written. */
function decimalOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = whole + fraction
  let first = 0
  while (digits[first] === '0') first++
  let end = digits.length
  while (end > first && digits[end - 1] === '0') end--
  if (first === end) return '0'
  const sign = mantissa.startsWith('-') ? '-' : ''
  return `${sign}${digits.slice(first, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
