/** Start-up errors. Each has a heading in docs/configuration-errors.md. */
export type MisconfiguredCode =
  | 'ERR_OPTION_UNKNOWN'
  | 'ERR_OPTION_INVALID'
  | 'ERR_OPTION_MISSING'
  | 'ERR_CHECK_ORDER'
  | 'ERR_REPLAY_MISSING'
  | 'ERR_REPLAY_SINGLE_PROCESS'
  | 'ERR_REPLAY_STORE_UNSAFE'
  | 'ERR_KEY_MATERIAL'
  | 'ERR_INSECURE_HTTP_PARSER'

const MISCONFIGURED = Symbol.for('countermark.misconfigured')

/** The programmer's fault, thrown while the application starts. The message ends with the fix. */
export class Misconfigured extends TypeError {
  override readonly name = 'Misconfigured'
  readonly code: MisconfiguredCode

  constructor(code: MisconfiguredCode, message: string) {
    super(`${message} [${code}]`)
    this.code = code
    Object.defineProperty(this, MISCONFIGURED, { value: true })
  }
}

/** Whether an error is {@link Misconfigured}, also one made by another copy of this package. */
export function isMisconfigured(error: unknown): error is Misconfigured {
  return typeof error === 'object' && error !== null && MISCONFIGURED in error
}

/**
 * Refuses misspelt options, naming the nearest known one.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`
 */
export function requireKnownOptions(owner: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = known.find((candidate) => isNear(candidate, name))
    const hint = near === undefined ? `known options: ${known.join(', ')}` : `did you mean ${near}?`
    throw new Misconfigured('ERR_OPTION_UNKNOWN', `${owner} has no option ${name}; ${hint}`)
  }
}

/**
 * Refuses what is not a finite number inside the limits, NaN included.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireNumber(
  name: string,
  value: number,
  limits: { readonly min: number; readonly max?: number },
): number {
  const { min, max = Number.MAX_SAFE_INTEGER } = limits
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a number from ${min} to ${max}`)
}

function isNear(known: string, given: string): boolean {
  const a = known.toLowerCase()
  const b = given.toLowerCase()
  if (a === b || a.includes(b) || b.includes(a)) return true
  return commonPrefix(a, b) >= Math.min(a.length, b.length) - 2 && Math.abs(a.length - b.length) <= 2
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
