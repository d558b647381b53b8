import { Refusal } from '@countermark/core'
import type { HeaderFields } from '@countermark/core/internal'
import type { ReadComponent } from './derived-component.ts'
import type { ParseOnce } from './parse-once.ts'
import { readStructuredText, writeDictionary, writeMember } from './structured-text.ts'

/** How the value of a field is made (RFC 9421 sections 2.1 to 2.1.4). */
export interface FieldParameters {
  /** `;sf` */
  readonly strict: boolean
  /** `;key="…"` */
  readonly member: string | undefined
  /** `;bs` */
  readonly wrapped: boolean
  /** `;tr` */
  readonly trailer: boolean
}

/** The types of Structured Fields, for `;sf`: without the type a field cannot be written canonically. */
export type FieldType = 'dictionary' | 'list' | 'item'

const FIELD_TYPES: ReadonlyMap<string, FieldType> = new Map([
  ['accept-signature', 'dictionary'],
  ['cache-status', 'list'],
  ['client-cert', 'item'],
  ['client-cert-chain', 'list'],
  ['content-digest', 'dictionary'],
  ['priority', 'dictionary'],
  ['proxy-status', 'list'],
  ['repr-digest', 'dictionary'],
  ['signature', 'dictionary'],
  ['signature-agent', 'dictionary'],
  ['signature-input', 'dictionary'],
  ['want-content-digest', 'dictionary'],
  ['want-repr-digest', 'dictionary'],
])

/** The reader of a field's value. `fieldTypes` adds to the types known here. */
export function fieldComponent(
  name: string,
  parameters: FieldParameters,
  fieldTypes: ReadonlyMap<string, FieldType>,
): ReadComponent {
  const write = writerOf(name, parameters, fieldTypes)
  return (message, parse) => {
    const fields = parameters.trailer ? message.trailers : message.headers
    return write(linesOf(fields, name), parse)
  }
}

type Write = (lines: readonly string[], parse: ParseOnce) => string

function writerOf(
  name: string,
  { strict, member, wrapped }: FieldParameters,
  types: ReadonlyMap<string, FieldType>,
): Write {
  if (wrapped) return wrapLines
  if (member !== undefined) return (lines, parse) => writeOne(parse.dictionary(combine(lines)), member)
  if (strict) return strictWriter(types.get(name) ?? FIELD_TYPES.get(name))
  return name === 'cookie' ? combineCookies : combine
}

function strictWriter(type: FieldType | undefined): Write {
  return (lines, parse) => {
    if (type === undefined) throw new Refusal('signature_malformed', 'a field marked sf has no known type')
    const text = combine(lines)
    return type === 'dictionary' ? writeDictionary(parse.dictionary(text)) : readStructuredText(text)[type]()
  }
}

function writeOne(members: ReadonlyMap<string, string>, member: string): string {
  const value = members.get(member)
  if (value === undefined) throw new Refusal('signature_invalid', 'a covered dictionary member is missing')
  return writeMember(value)
}

function wrapLines(lines: readonly string[]): string {
  return lines.map((line) => `:${Buffer.from(unfold(line), 'latin1').toString('base64')}:`).join(', ')
}

function combine(lines: readonly string[]): string {
  return lines.length === 1 ? unfold(lines[0] as string) : lines.map(unfold).join(', ')
}

/**
 * RFC 9113 section 8.2.3: lines of a Cookie are parts of one value, joined as handlers read them. Joined by commas, one value
 * with a comma could be cut in two that mean something else.
 */
function combineCookies(lines: readonly string[]): string {
  return lines.length === 1 ? unfold(lines[0] as string) : lines.map(unfold).join('; ')
}

function linesOf(fields: HeaderFields | undefined, name: string): readonly string[] {
  const lines = fields?.lines(name)
  if (lines === undefined || lines.length === 0) {
    throw new Refusal('signature_invalid', `the covered field ${name} is missing`)
  }
  return lines
}

/** Removes optional white space around a value and obsolete line folding within (RFC 9421 section 2.1). */
function unfold(line: string): string {
  if (!line.includes('\n')) return trim(line)
  return trim(line.split('\n').map(continued).join(' '))
}

function continued(part: string, index: number): string {
  const isFolded = index === 0 || part.startsWith(' ') || part.startsWith('\t')
  if (!isFolded) throw new Refusal('signature_malformed', 'a field value contains a line break')
  return trim(part.endsWith('\r') ? part.slice(0, -1) : part)
}

/** `String.prototype.trim` would also remove U+00A0 and its kin, which are content. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isWhiteSpace(text.charCodeAt(start))) start++
  while (end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
