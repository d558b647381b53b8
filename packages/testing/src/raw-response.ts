import type { HeaderField } from '@countermark/core'

/** A response as it came over the socket. */
export interface RawResponse {
  readonly status: number
  readonly headerLines: readonly HeaderField[]
  /** The first field of a name, in any case. */
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly text: string
}

/** Reads a response; `undefined` while it is incomplete. `ended` says that no more bytes will come. */
export function parseRawResponse(
  bytes: Buffer,
  { ended, bodyless }: { readonly ended: boolean; readonly bodyless: boolean },
): RawResponse | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...fieldLines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  const rest = bytes.subarray(headEnd + 4)
  if (status >= 100 && status < 200) return parseRawResponse(rest, { ended, bodyless })
  const headerLines = fieldLines.map(splitField)
  const header = (name: string): string | undefined =>
    headerLines.find(([field]) => field.toLowerCase() === name.toLowerCase())?.[1]
  const body = bodyless || status === 204 || status === 304 ? Buffer.alloc(0) : readBody(rest, header, ended)
  if (body === undefined) return undefined
  return { status, headerLines, header, body, text: body.toString('utf8') }
}

function splitField(line: string): HeaderField {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function readBody(rest: Buffer, header: (name: string) => string | undefined, ended: boolean): Buffer | undefined {
  if (header('transfer-encoding') === 'chunked') return readChunks(rest)
  const length = header('content-length')
  if (length === undefined) return ended ? rest : undefined
  return rest.length >= Number(length) ? rest.subarray(0, Number(length)) : undefined
}

function readChunks(rest: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  let position = 0
  while (true) {
    const lineEnd = rest.indexOf('\r\n', position)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(rest.subarray(position, lineEnd).toString('latin1'), 16)
    const start = lineEnd + 2
    if (rest.length < start + size + 2) return undefined
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(rest.subarray(start, start + size))
    position = start + size + 2
  }
}
