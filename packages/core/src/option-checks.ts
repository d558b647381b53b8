import { Misconfigured } from './misconfigured.ts'
import { nearestName } from './nearest-name.ts'

/**
 * Refuses misspelt options, naming the nearest known one, and what is no object of options at all.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function requireKnownOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner} takes an object of options`)
  }
  if (known.includes('client') && isClient(options)) {
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner} takes the client as an option: ${owner}({ client })`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = nearestName(name, known)
    const hint = near === undefined ? `known options: ${known.join(', ')}` : `did you mean ${near}?`
    throw new Misconfigured('ERR_OPTION_UNKNOWN', `${owner} has no option ${name}; ${hint}`)
  }
}

/**
 * Refuses what is no object, and members other than the known ones where these are given.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function requireObject(name: string, value: object, known?: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${name} must be an object`)
  if (known !== undefined) requireKnownOptions(name, value, known)
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
  throw invalid(`${name} must be a number from ${min} to ${max}`)
}

/**
 * Refuses a word that is none of the allowed ones.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireWord<Word extends string>(name: string, value: Word, words: readonly Word[]): Word {
  if (words.includes(value)) return value
  throw invalid(`${name} must be one of ${words.join(', ')}`)
}

/**
 * Refuses what is neither `true` nor `false`: the text `'false'`, as environment variables have it, would count as true.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireBoolean(name: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value
  throw invalid(`${name} must be true or false`)
}

/**
 * Refuses what is no list of strings.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireStrings(name: string, value: readonly string[]): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  throw invalid(`${name} must be a list of strings`)
}

/**
 * Refuses an object in which one of these members is missing or no function.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireMethods<Thing extends object>(
  name: string,
  value: Thing,
  members: readonly (keyof Thing & string)[],
): Thing {
  requireObject(name, value)
  for (const member of members) {
    if (typeof value[member] !== 'function') throw invalid(`${name}.${member} must be a function`)
  }
  return value
}

/** A client of ioredis or node-redis, given in the place of options. */
function isClient(options: object): boolean {
  return ['call', 'sendCommand'].some((member) => typeof Reflect.get(options, member) === 'function')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
