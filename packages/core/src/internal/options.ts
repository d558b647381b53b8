import { Misconfigured } from '../misconfigured.ts'

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

/** The known name that was meant: the same but for case, part of it, or a few typing errors away. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const wanted = given.toLowerCase()
  const distances = known.map((name) => ({ name, distance: judge(name.toLowerCase(), wanted) }))
  const nearest = distances.reduce((best, next) => (next.distance < best.distance ? next : best), NO_NAME)
  return nearest.distance <= Math.max(2, wanted.length / 4) ? nearest.name : undefined
}

const NO_NAME = { name: '', distance: Number.POSITIVE_INFINITY }

function judge(known: string, wanted: string): number {
  const isPart = wanted.length >= 4 && (known.includes(wanted) || wanted.includes(known))
  return Math.min(countEdits(known, wanted), isPart ? 2 : Number.POSITIVE_INFINITY)
}

/** How many letters must be put in, taken out or replaced. Both texts come from the source code: quadratic is fine. */
function countEdits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] as number) + 1, (current[column - 1] as number) + 1))
    }
    above = current
  }
  return above[b.length] as number
}
