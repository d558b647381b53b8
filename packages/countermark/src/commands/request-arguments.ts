import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CommandError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** A request as the command line describes it, in curl's own words. */
export interface RequestOptions {
  readonly request?: string
  readonly header?: readonly string[]
  readonly data?: readonly Data[]
  readonly head?: boolean
}

/** A request, ready to be signed. */
export interface DescribedRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | undefined
}

type DataFlag = '--data' | '--data-raw' | '--data-binary' | '--json'

interface Data {
  readonly flag: DataFlag
  readonly value: string
}

/** Adds curl's flags for method, fields and content. */
export function withRequestOptions(command: Command): Command {
  // One list for all of them: curl joins pieces in the order in which they stand.
  const collect =
    (flag: DataFlag) =>
    (value: string): Data[] => {
      const before = command.getOptionValue('data')
      const data = [...(Array.isArray(before) ? before : []), { flag, value }]
      command.setOptionValue('data', data)
      return data
    }
  return command
    .option('-X, --request <method>', 'the method', undefined)
    .option('-H, --header <line>', 'a header field, such as "Accept: text/csv"; repeatable', append, [])
    .option('-d, --data <text>', 'content, or @file without its line ends; repeatable, joined by &', collect('--data'))
    .option('--data-raw <text>', 'content as it stands', collect('--data-raw'))
    .option('--data-binary <text>', 'content, or @file byte by byte', collect('--data-binary'))
    .option('--json <text>', 'content, or @file, and the fields that JSON needs', collect('--json'))
    .option('-I, --head', 'ask for the head alone')
}

function append(value: string, before: string[]): string[] {
  return [...before, value]
}

/**
 * Reads what the flags describe.
 * @throws CommandError
 */
export function readRequest(terminal: Terminal, url: string, options: RequestOptions): DescribedRequest {
  const { header = [], head = false } = options
  const data = isDataList(options.data) ? options.data : []
  requireUrl(url)
  const body = data.length === 0 ? undefined : readData(terminal, data)
  const given = header.map(readHeader)
  return {
    url,
    method: options.request ?? methodFor(head, body),
    headers: [...given, ...fieldsFor(data, given)],
    body,
  }
}

/**
 * Refuses what is no URL.
 * @throws CommandError
 */
export function requireUrl(url: string): void {
  if (URL.canParse(url)) return
  throw new CommandError(`${url} is no URL`, 'write it whole: http://localhost:3000/orders')
}

function isDataList(data: unknown): data is readonly Data[] {
  return Array.isArray(data)
}

function methodFor(head: boolean, body: Buffer | undefined): string {
  if (head) return 'HEAD'
  return body === undefined ? 'GET' : 'POST'
}

function readHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  if (colon > 0) return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  throw new CommandError(`${line} is no header field`, 'write it as "Name: value"')
}

function readData(terminal: Terminal, data: readonly Data[]): Buffer {
  const pieces = data.flatMap((piece, index) => [
    ...(index > 0 && piece.flag !== '--json' ? [Buffer.from('&')] : []),
    readPiece(terminal, piece),
  ])
  return Buffer.concat(pieces)
}

function readPiece({ folder }: Terminal, { flag, value }: Data): Buffer {
  if (flag === '--data-raw' || !value.startsWith('@')) return Buffer.from(value, 'utf8')
  const bytes = readFileSync(resolve(folder, value.slice(1)))
  return flag === '--data' ? Buffer.from(bytes.toString('latin1').replace(/[\r\n]/g, ''), 'latin1') : bytes
}

/** What curl sends beside content unless told otherwise. */
function fieldsFor(
  data: readonly Data[],
  given: DescribedRequest['headers'],
): readonly (readonly [name: string, value: string])[] {
  if (data.length === 0) return []
  const json = [
    ['Content-Type', 'application/json'],
    ['Accept', 'application/json'],
  ] as const
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const
  const usual = data.some(({ flag }) => flag === '--json') ? json : form
  return usual.filter(([name]) => given.every(([other]) => other.toLowerCase() !== name.toLowerCase()))
}
