import { Refusal } from '@countermark/core'
import { type ComponentIdentifier, parseComponentList } from './component-identifier.ts'
import { derivedComponent, type ReadComponent } from './derived-component.ts'
import { type FieldType, fieldComponent } from './field-component.ts'
import { createParseOnce } from './parse-once.ts'
import { isEncodedName } from './query-parameter.ts'
import { isSignableResponse, type SignableMessage } from './signable-message.ts'

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
   * The lines of the signature base but the last one (RFC 9421 section 2.5), each with its line feed.
   * @throws Refusal `signature_malformed`, `signature_invalid`
   */
  readonly writeLines: (message: SignableMessage) => string
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
  const identifiers = parseComponentList(text)
  const lines = identifiers.map((identifier) => ({
    prefix: `${identifier.text}: `,
    read: compileComponent(identifier, fieldTypes),
  }))
  const identities = new Set(identifiers.map(({ identity }) => identity))
  const memberFields = new Set(identifiers.filter(isMember).map(({ name }) => name))
  return {
    text,
    components: identifiers.map(({ component }) => component),
    covers: (component) => identities.has(component),
    coversMemberOf: (field) => memberFields.has(field),
    writeLines: (message) => {
      const parse = createParseOnce()
      let written = ''
      for (const { prefix, read } of lines) written += `${prefix}${printable(read(message, parse))}\n`
      return written
    },
  }
}

function compileComponent(
  { name, parameters }: ComponentIdentifier,
  types: ReadonlyMap<string, FieldType>,
): ReadComponent {
  const read = name.startsWith('@') ? compileDerived(name, parameters) : compileField(name, parameters, types)
  return parameters.has('req') ? fromRequest(name, read) : read
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
  return fieldComponent(
    name,
    { strict, member: member === true ? undefined : member, wrapped, trailer: parameters.has('tr') },
    types,
  )
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
  return (message, parse) => {
    if (!isSignableResponse(message)) throw malformed('req marks components of responses only')
    if (message.request === undefined) throw malformed('a component marked req needs the request')
    return read(message.request, parse)
  }
}

function isMember({ parameters }: ComponentIdentifier): boolean {
  return parameters.has('key') && !parameters.has('req') && !parameters.has('tr')
}

/** A line feed inside a value would forge a line; anything but ASCII has no agreed bytes (RFC 9421 section 2.5). */
function printable(value: string): string {
  if (!PRINTABLE.test(value)) throw malformed('a covered value is not printable ASCII')
  return value
}

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
