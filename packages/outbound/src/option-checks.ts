/** An option that cannot be meant: thrown while the application starts. Carries the same `code` as core's errors. */
export function invalidOption(message: string): TypeError {
  return Object.assign(new TypeError(`${message} [ERR_OPTION_INVALID]`), { code: 'ERR_OPTION_INVALID' })
}

/**
 * Refuses options that do not exist.
 * @throws TypeError
 */
export function requireOptions(owner: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const message = `${owner} has no option ${name}; known options: ${known.join(', ')} [ERR_OPTION_UNKNOWN]`
    throw Object.assign(new TypeError(message), { code: 'ERR_OPTION_UNKNOWN' })
  }
}

/**
 * Refuses what is not a number inside the limits, NaN included.
 * @throws TypeError
 */
export function requireBetween(name: string, value: number, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw invalidOption(`${name} must be a number from ${min} to ${max}`)
}
