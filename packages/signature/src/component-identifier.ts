import { Refusal } from '@countermark/core'

/** What one covered component is called: a name and parameters (RFC 9421 section 2). */
export interface ComponentIdentifier {
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

function malformed(message: string): Refusal {
  return new Refusal('signature_malformed', message)
}
