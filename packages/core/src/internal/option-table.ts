import { Misconfigured } from '../misconfigured.ts'
import type { JsonValue } from './canonical-json.ts'
import {
  requireBoolean,
  requireKnownOptions,
  requireMethods,
  requireNumber,
  requireObject,
  requireStrings,
  requireWord,
} from './options.ts'

/** Checks one option and gives it its default. */
export interface OptionReader<Value> {
  /** @throws {@link Misconfigured} */
  readonly read: (name: string, given: unknown, owner: string) => Value
  /** Stays out of the configuration hash: a secret, a function, a clock. @default false */
  readonly isUndescribed?: boolean
}

/** One reader for each option. */
export type OptionRows<Options extends object = Record<string, unknown>> = {
  readonly [Name in keyof Options]-?: OptionReader<unknown>
}

/** Options after validation, with their defaults. */
export type SettingsOf<Rows> = {
  readonly [Name in keyof Rows]: Rows[Name] extends OptionReader<infer Value> ? Value : never
}

/** The options of one function: declared once, read once, told to the configuration hash. */
export interface OptionTable<Rows> {
  /** The names of the options. */
  readonly names: readonly (keyof Rows & string)[]
  /**
   * Validates options and puts defaults in the place of what was left out; `null` was not left out. `path` comes before the
   * names in messages, `others` are names of options that are read elsewhere.
   * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
   */
  readonly read: (
    options: { readonly [Name in keyof Rows]?: unknown },
    path?: string,
    others?: readonly string[],
  ) => SettingsOf<Rows>
  /** What {@link CheckDescription.settings} may tell: options or settings as JSON, but for what is undescribed or left out. */
  readonly describe: (options: { readonly [Name in keyof Rows]?: unknown }) => Readonly<Record<string, JsonValue>>
}

/**
 * Declares the options of one function; `owner` is its name in messages.
 * @example
 * const OPTIONS = optionTable('createDoor', {
 *   store: methods<DoorStore>(['claim'], 'pass memoryDoors()'),
 *   ttlSeconds: number({ min: 1, default: 60 }),
 *   secret: undescribed(text()),
 * })
 * const { store, ttlSeconds, secret } = OPTIONS.read(options)
 * defineCheck({ name: 'door', needs: [], adds: ['door'], settings: OPTIONS.describe(options) }, …)
 */
export function optionTable<Rows extends OptionRows>(owner: string, rows: Rows): OptionTable<Rows> {
  const names = Object.keys(rows)
  const described = names.filter((name) => rows[name]?.isUndescribed !== true)
  return {
    names,
    read: (options, path = '', others = []) => {
      requireKnownOptions(owner, options, [...names, ...others])
      const settings = names.map(
        (name) => [name, rows[name]?.read(path + name, ownOption(options, name), owner)] as const,
      )
      return Object.fromEntries(settings) as SettingsOf<Rows>
    },
    describe: (options) => describeSettings(options, described),
  }
}

/** What a reader that has no default gives for an option that was left out. */
type Left<Default> = undefined extends Default ? undefined : never

/** A number inside limits. */
export function number<Default extends number | undefined = undefined>(limits: {
  readonly min: number
  readonly max?: number
  readonly default?: Default
}): OptionReader<number | Left<Default>> {
  return reader(limits.default, (name, given) => requireNumber(name, given as number, limits))
}

/** `true` or `false`. */
export function flag<Default extends boolean | undefined = undefined>(
  fallback?: Default,
): OptionReader<boolean | Left<Default>> {
  return reader(fallback, (name, given) => requireBoolean(name, given as boolean))
}

/** One of some words. */
export function word<const Word extends string, Default extends Word | undefined = undefined>(
  words: readonly Word[],
  fallback?: Default,
): OptionReader<Word | Left<Default>> {
  return reader(fallback, (name, given) => requireWord(name, given as Word, words))
}

/** A text that is not empty. */
export function text<Default extends string | undefined = undefined>(
  fallback?: Default,
): OptionReader<string | Left<Default>> {
  return reader(fallback, (name, given) => {
    if (typeof given === 'string' && given !== '') return given
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a text`)
  })
}

/** A list of strings. */
export function strings<Default extends readonly string[] | undefined = undefined>(
  fallback?: Default,
): OptionReader<readonly string[] | Left<Default>> {
  return reader(fallback, (name, given) => requireStrings(name, given as readonly string[]))
}

/** An object with these methods, such as a store. With a hint it is required: `preventReplay needs store; …`. */
export function methods<Thing extends object>(
  members: readonly (keyof Thing & string)[],
  hint: string,
): OptionReader<Thing>
export function methods<Thing extends object>(
  members: readonly (keyof Thing & string)[],
): OptionReader<Thing | undefined>
export function methods<Thing extends object>(
  members: readonly (keyof Thing & string)[],
  hint?: string,
): OptionReader<Thing | undefined> {
  return {
    read: (name, given, owner) => {
      if (given !== undefined) return requireMethods(name, given as Thing, members)
      if (hint === undefined) return undefined
      throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs ${name}; ${hint}`)
    },
  }
}

/** A function. What it does cannot be described. */
export function callback<Callback>(): OptionReader<Callback | undefined> {
  const read = reader<Callback, undefined>(undefined, (name, given) => {
    if (typeof given === 'function') return given as Callback
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a function`)
  })
  return undescribed(read)
}

/** An object of options of its own; its defaults hold when it is left out. */
export function nested<Rows extends OptionRows>(table: OptionTable<Rows>): OptionReader<SettingsOf<Rows>> {
  return {
    read: (name, given = {}) => {
      requireObject(name, given as object)
      return table.read(given as SettingsOf<Rows>, `${name}.`)
    },
  }
}

/** Whatever one function reads; it is given `undefined` for an option that was left out. */
export function custom<Value>(read: OptionReader<Value>['read']): OptionReader<Value> {
  return { read }
}

/** The same option, kept out of the configuration hash. */
export function undescribed<Value>(option: OptionReader<Value>): OptionReader<Value> {
  return { ...option, isUndescribed: true }
}

function reader<Value, Default extends Value | undefined>(
  fallback: Default | undefined,
  check: (name: string, given: unknown) => Value,
): OptionReader<Value | Left<Default>> {
  return { read: (name, given) => (given === undefined ? (fallback as Value | Left<Default>) : check(name, given)) }
}

/** What stands on `Object.prototype` is no option. */
function ownOption(options: object, name: string): unknown {
  return Object.hasOwn(options, name) ? Reflect.get(options, name) : undefined
}

/**
 * Picks from options what {@link CheckDescription.settings} may tell: the members named, which must be no secrets. What is a
 * function or an object with methods stands as the word that it calls itself, what was left out does not stand at all.
 */
export function describeSettings<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
): Readonly<Record<string, JsonValue>> {
  const chosen = names.filter((name) => options[name] !== undefined)
  return Object.fromEntries(chosen.map((name) => [name, toJson(options[name], MAX_DEPTH)]))
}

const MAX_DEPTH = 6

function toJson(value: unknown, depth: number): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (Array.isArray(value) && depth > 0) return value.map((item) => toJson(item, depth - 1))
  if (typeof value !== 'object' || depth === 0) return `(${typeof value})`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.some(([, member]) => typeof member === 'function')) return nameOf(value)
  return Object.fromEntries(members.map(([name, member]) => [name, toJson(member, depth - 1)]))
}

function nameOf(value: object): string {
  return 'name' in value && typeof value.name === 'string' ? value.name : '(object)'
}
