import type { ComponentIdentifier, PlainRequest } from './request-to-sign.ts'

/** Parameters of a signature (RFC 9421 section 2.3). `null` or `undefined`: not stated. */
interface SignatureParameters {
  readonly created: number | null | undefined
  readonly expires: number | null | undefined
  readonly nonce: string | null | undefined
  readonly alg: string | null | undefined
  readonly keyid: string | null | undefined
  readonly tag: string | null | undefined
}

/** The value of one `Signature-Input` member, in the order given. */
export function serializeParameters(
  components: readonly ComponentIdentifier[],
  parameters: Partial<SignatureParameters>,
): string {
  const written = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === null || value === undefined) return []
    return typeof value === 'number' ? [`;${name}=${value}`] : [`;${name}="${value.replace(/["\\]/g, '\\$&')}"`]
  })
  return `(${components.map(serializeIdentifier).join(' ')})${written.join('')}`
}

/** The signature base (RFC 9421 section 2.5), built without a line of the package under test. */
export function buildSignatureBase(
  components: readonly ComponentIdentifier[],
  parameters: string,
  request: PlainRequest,
): string {
  const lines = components.map((component) => `${serializeIdentifier(component)}: ${readComponent(component, request)}`)
  return [...lines, `"@signature-params": ${parameters}`].join('\n')
}

const DERIVED: Readonly<Record<string, (request: PlainRequest) => string>> = {
  '@method': ({ method }) => method,
  '@target-uri': ({ scheme, authority, target }) => `${scheme}://${authority}${target}`,
  '@authority': ({ authority }) => authority,
  '@scheme': ({ scheme }) => scheme,
  '@request-target': ({ target }) => target,
  '@path': ({ target }) => target.split('?', 1)[0] || '/',
  '@query': ({ target }) => queryOf(target),
}

/** The identifier in quotes, its parameters behind it (RFC 9421 section 2.5). */
export function serializeIdentifier(identifier: ComponentIdentifier): string {
  const { name, parameters } = splitIdentifier(identifier)
  return `"${name}"${parameters}`
}

/** The value that the signature base shows for a component (RFC 9421 sections 2.1 and 2.2). */
export function readComponent(identifier: ComponentIdentifier, request: PlainRequest): string {
  const { name, parameters } = splitIdentifier(identifier)
  if (name === '@query-param') return readQueryParameter(request.target, readText(parameters, 'name'))
  if (name.startsWith('@')) {
    const derive = DERIVED[name]
    if (derive === undefined || parameters !== '') throw new TypeError(`cannot derive ${identifier}`)
    return derive(request)
  }
  const lines = request.headerLines.filter(([field]) => field.toLowerCase() === name).map(([, value]) => unfold(value))
  if (lines.length === 0) throw new TypeError(`the request has no field ${name}`)
  if (parameters === '') return lines.join(', ')
  if (parameters === ';bs') return lines.map((line) => `:${Buffer.from(line, 'latin1').toString('base64')}:`).join(', ')
  if (parameters.startsWith(';key=')) return readMember(lines.join(', '), readText(parameters, 'key'))
  throw new TypeError(`the test agent does not know the parameters of ${identifier}`)
}

function splitIdentifier(identifier: string): { readonly name: string; readonly parameters: string } {
  const end = identifier.indexOf(';')
  if (end === -1) return { name: identifier, parameters: '' }
  return { name: identifier.slice(0, end), parameters: identifier.slice(end) }
}

function queryOf(target: string): string {
  const start = target.indexOf('?')
  return start === -1 ? '?' : target.slice(start)
}

/** RFC 9421 section 2.2.8: parsed as a form, then percent-encoded again. */
function readQueryParameter(target: string, name: string): string {
  const values = new URLSearchParams(queryOf(target)).getAll(decodeURIComponent(name))
  if (values.length !== 1) throw new TypeError(`the query must hold ${name} exactly once`)
  return encodeURIComponent(values[0] ?? '').replace(/[!'()~]/g, percentEncode)
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function readText(parameters: string, name: string): string {
  const match = new RegExp(`^;${name}="([^"]*)"$`).exec(parameters)
  if (match === null) throw new TypeError(`expected ;${name}="…" and nothing else`)
  return match[1] ?? ''
}

function unfold(value: string): string {
  return value.replace(/\r?\n[ \t]+/g, ' ').replace(/^[ \t]+|[ \t]+$/g, '')
}

/** A member of a dictionary that is written canonically: the agent does not parse, it only cuts (RFC 8941 section 3.2). */
function readMember(dictionary: string, key: string): string {
  for (const member of dictionary.match(/(?:"(?:[^"\\]|\\.)*"|\([^)]*\)|[^,])+/g) ?? []) {
    const text = member.trim()
    if (text === key) return '?1'
    if (text.startsWith(`${key}=`))
      return text.slice(key.length + 1).replace(/^\([^")]*\)/, (list) => list.replace(/ +/g, ' '))
    if (text.startsWith(`${key};`)) return `?1${text.slice(key.length)}`
  }
  throw new TypeError(`the dictionary has no member ${key}`)
}
