import { CommandError } from './errors.ts'

/** A request as it was saved or pasted: what arrived, byte by byte. */
export interface SavedRequest {
  readonly method: string
  /** The request target as it stands in the first line. */
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

const FIRST_LINE = /^([A-Za-z]+) (\S+)(?: HTTP\/[\d.]+)?$/
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** `curl -v` marks what it sends. */
const CURL_MARK = /^> ?/
const MAX_FIELDS = 500

/**
 * Reads an HTTP/1 request: a first line, fields, an empty line, content. Takes what `curl -v` prints, too.
 * @throws CommandError
 */
export function parseSavedRequest(bytes: Buffer): SavedRequest {
  const { head, body } = split(bytes)
  const lines = unmarked(head.toString('latin1').split(/\r?\n/))
  const [first = '', ...rest] = lines
  const match = FIRST_LINE.exec(first)
  if (match === null) {
    throw new CommandError(
      'this is no request',
      'the first line reads: POST /orders HTTP/1.1; fields follow, one a line',
    )
  }
  if (rest.length > MAX_FIELDS) throw new CommandError(`a request with over ${MAX_FIELDS} fields is not looked at`)
  const [, method = '', target = ''] = match
  return { method: method.toUpperCase(), target, fields: rest.map(readField), body }
}

function split(bytes: Buffer): { readonly head: Buffer; readonly body: Buffer } {
  const ends = [bytes.indexOf('\r\n\r\n'), bytes.indexOf('\n\n')].filter((at) => at >= 0)
  if (ends.length === 0) return { head: bytes, body: Buffer.alloc(0) }
  const at = Math.min(...ends)
  return { head: bytes.subarray(0, at), body: bytes.subarray(at + (bytes[at] === 0x0d ? 4 : 2)) }
}

function unmarked(lines: readonly string[]): readonly string[] {
  const isMarked = lines.some((line) => line.startsWith('> '))
  const sent = isMarked
    ? lines.filter((line) => CURL_MARK.test(line)).map((line) => line.replace(CURL_MARK, ''))
    : lines
  return sent.filter((line) => line !== '')
}

function readField(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(0, colon))
  if (FIELD_NAME.test(name)) return [name, line.slice(colon + 1).trim()]
  throw new CommandError('a line of the request is no header field', 'a field reads: Name: value')
}

/** The value of a field; the first line of it. */
export function fieldOf({ fields }: SavedRequest, name: string): string | undefined {
  return fields.find(([other]) => other.toLowerCase() === name)?.[1]
}

/** The request with one field replaced, or added. */
export function withField(request: SavedRequest, name: string, value: string): SavedRequest {
  const others = request.fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase())
  return { ...request, fields: [...others, [name, value]] }
}

/** The bytes of a request, with the framing that its content needs. */
export function writeSavedRequest(request: SavedRequest): Buffer {
  const { method, target, fields, body } = request
  const framing = new Set(['content-length', 'transfer-encoding', 'connection', 'expect'])
  const kept = fields.filter(([name]) => !framing.has(name.toLowerCase()))
  const wasFramed = fields.some(
    ([name]) => name.toLowerCase() === 'content-length' || name.toLowerCase() === 'transfer-encoding',
  )
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...kept.map(([name, value]) => `${name}: ${value}`),
    ...(body.length > 0 || wasFramed ? [`Content-Length: ${body.length}`] : []),
    'Connection: close',
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}
