import { createRecent } from '@countermark/core/internal'
import {
  derivedComponent,
  type FieldType,
  fieldComponent,
  type ParsedOnce,
  type ReadComponent,
} from './component-values.ts'
import type { SignableMessage } from './message.ts'
import { malformed } from './parse.ts'
import { isEncodedName } from './query-parameters.ts'

/** A list of covered components, compiled once. */
export interface ComponentList {
  /** In canonical form: `("@method" "@path")`. */
  readonly text: string
  /** Names such as `@method` or `content-digest;req`, as they are written. */
  readonly components: readonly string[]
  /** Whether exactly this component is covered: `content-digest` is not covered by `content-digest;key="sha-256"`. */
  readonly covers: (component: string) => boolean
  /** Whether a member of a dictionary field is covered by itself. */
  readonly coversMemberOf: (field: string) => boolean
  /**
   * The signature base (RFC 9421 section 2.5), with the list and its parameters in the last line.
   * @throws Refusal `signature_malformed`, `signature_invalid`
   */
  readonly writeBase: (message: SignableMessage, signatureParams: string) => string
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const PRINTABLE = /^[\t\x20-\x7e]*$/
const NO_FIELD_TYPES: ReadonlyMap<string, FieldType> = new Map()

/**
 * Compiles a list in canonical form.
 * @throws Refusal `signature_malformed` for anything a signature base must not contain (RFC 9421 section 2.5)
 */
export function compileComponentList(
  text: string,
  fieldTypes: ReadonlyMap<string, FieldType> = NO_FIELD_TYPES,
): ComponentList {
  const lines: { readonly prefix: string; readonly read: ReadComponent }[] = []
  const components: string[] = []
  const identities = new Set<string>()
  const memberFields = new Set<string>()
  for (const { name, parameters, text: start, component, identity } of parseComponentList(text)) {
    const read = name.startsWith('@') ? compileDerived(name, parameters) : compileField(name, parameters, fieldTypes)
    lines.push({ prefix: `${start}: `, read: parameters.has('req') ? fromRequest(name, read) : read })
    components.push(component)
    identities.add(identity)
    if (parameters.has('key') && !parameters.has('req') && !parameters.has('tr')) memberFields.add(name)
  }
  return {
    text,
    components,
    covers: (component) => identities.has(component),
    coversMemberOf: (field) => memberFields.has(field),
    writeBase: (message, signatureParams) => {
      const parsed: ParsedOnce = {}
      let written = ''
      for (const { prefix, read } of lines) {
        const value = read(message, parsed)
        // A line feed inside a value would forge a line; anything but ASCII has no agreed bytes (RFC 9421 section 2.5).
        if (!PRINTABLE.test(value)) throw malformed('a covered value is not printable ASCII')
        written += `${prefix}${value}\n`
      }
      return `${written}"@signature-params": ${signatureParams}`
    },
  }
}

function compileDerived(name: string, parameters: ComponentIdentifier['parameters']): ReadComponent {
  const allowed = name === '@query-param' ? ['req', 'name'] : ['req']
  requireParameters(parameters, allowed)
  const parameterName = parameters.get('name')
  if (typeof parameterName === 'string' && !isEncodedName(parameterName)) {
    throw malformed('the name of @query-param must be percent-encoded')
  }
  const read = derivedComponent(name, parameterName === true ? undefined : parameterName)
  if (read === undefined) throw malformed('a covered component is not known')
  return read
}

function compileField(
  name: string,
  parameters: ComponentIdentifier['parameters'],
  types: ReadonlyMap<string, FieldType>,
): ReadComponent {
  if (!FIELD_NAME.test(name)) throw malformed('a covered field has a name that is not in lower case')
  requireParameters(parameters, ['req', 'sf', 'key', 'bs', 'tr'])
  const member = parameters.get('key')
  const strict = parameters.has('sf')
  const wrapped = parameters.has('bs')
  if (wrapped && (strict || member !== undefined)) throw malformed('bs excludes sf and key')
  const trailer = parameters.has('tr')
  return fieldComponent(name, { strict, member: member === true ? undefined : member, wrapped, trailer }, types)
}

/** `key` and `name` take a string, the others are flags (RFC 9421 sections 2.1 and 2.2.8). */
function requireParameters(parameters: ComponentIdentifier['parameters'], allowed: readonly string[]): void {
  for (const [key, value] of parameters) {
    const isFlag = key !== 'key' && key !== 'name'
    if (!allowed.includes(key) || isFlag !== (value === true)) throw malformed('a component parameter is not known')
  }
}

function fromRequest(name: string, read: ReadComponent): ReadComponent {
  if (name === '@status') throw malformed('@status excludes req')
  return (message, parsed) => {
    if (!('status' in message)) throw malformed('req marks components of responses only')
    if (message.request === undefined) throw malformed('a component marked req needs the request')
    return read(message.request, parsed)
  }
}

/** What one covered component is called: a name and parameters (RFC 9421 section 2). */
interface ComponentIdentifier {
  readonly name: string
  /** `true` for flags. */
  readonly parameters: ReadonlyMap<string, string | true>
  /** As it begins its line of the signature base: `"content-digest";req`. */
  readonly text: string
  /** The same without quotes around the name: `content-digest;req`. */
  readonly component: string
  /** The same for every order of the parameters: what components are compared by. */
  readonly identity: string
}

const MAX_COMPONENTS = 32

/**
 * Reads a component list in canonical form, such as `("@method" "content-digest";req)`.
 * @throws Refusal `signature_malformed`
 */
export function parseComponentList(text: string): readonly ComponentIdentifier[] {
  const item = /"([^"\\]+)"((?:;[a-z]+(?:="[^"\\]*")?)*)(?: (?=")|\)$)/y
  const identifiers: ComponentIdentifier[] = []
  const identities = new Set<string>()
  item.lastIndex = 1
  while (text !== '()' && item.lastIndex < text.length) {
    const match = item.exec(text)
    if (match === null) throw malformed('a covered component has a form or a parameter that is not known')
    const identifier = toIdentifier(match[1] as string, match[2] as string)
    // RFC 9421 section 2.5: parameters in another order make no other component.
    if (identities.has(identifier.identity)) throw malformed('a component is covered twice')
    identities.add(identifier.identity)
    identifiers.push(identifier)
    if (identifiers.length > MAX_COMPONENTS) throw malformed(`at most ${MAX_COMPONENTS} components may be covered`)
  }
  return identifiers
}

/** Writes a list from names such as `@method`, `content-digest;req` or `"content-digest";req`. */
export function writeComponentList(components: readonly string[]): string {
  return `(${components.map(quoteName).join(' ')})`
}

/**
 * The form in which components are compared.
 * @throws Refusal `signature_malformed`
 */
export function normaliseComponent(component: string): string {
  const [identifier, ...others] = parseComponentList(`(${quoteName(component)})`)
  if (identifier === undefined || others.length > 0) throw malformed('expected one component')
  return identifier.identity
}

function quoteName(component: string): string {
  if (component.startsWith('"')) return component
  const end = component.indexOf(';')
  return end === -1 ? `"${component}"` : `"${component.slice(0, end)}"${component.slice(end)}`
}

function toIdentifier(name: string, written: string): ComponentIdentifier {
  const parameters = new Map<string, string | true>()
  for (const [text, key = '', quoted] of written.matchAll(/;([a-z]+)(?:="([^"]*)")?/g)) {
    if (parameters.has(key)) throw malformed('a component repeats a parameter')
    parameters.set(key, text.includes('=') ? (quoted ?? '') : true)
  }
  const sorted = [...parameters].map(([key, value]) => (value === true ? `;${key}` : `;${key}="${value}"`)).sort()
  return { name, parameters, text: `"${name}"${written}`, component: name + written, identity: name + sorted.join('') }
}

/** Finds the compiled form of a component list in canonical form. @throws Refusal `signature_malformed` */
export type FindComponentList = (text: string) => ComponentList

/** Callers without a key choose the texts, so their number and size are bounded. */
const LIMITS = { maxEntries: 256, maxCharacters: 131_072 } as const

/** Compiles every list once, for as long as it is used. */
export function createComponentLists(fieldTypes?: ReadonlyMap<string, FieldType>): FindComponentList {
  const lists = createRecent<ComponentList>(LIMITS)
  return (text) => {
    const known = lists.find(text)
    if (known !== undefined) return known
    const list = compileComponentList(text, fieldTypes)
    lists.keep(text, list)
    return list
  }
}
