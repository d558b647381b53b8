import { once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http2'
import { createConnection, type Socket } from 'node:net'

/** One stream of HTTP/2 in frames, for what Node's client never does: to reset a stream without ending it. */
export interface RawHttp2 {
  readonly socket: Socket
  readonly request: (headers: OutgoingHttpHeaders) => void
  readonly data: (bytes: Uint8Array) => void
  readonly reset: () => void
  readonly destroy: () => void
}

const TYPES = { data: 0, headers: 1, reset: 3, settings: 4 } as const
const END_HEADERS = 4
const NO_ERROR = Buffer.alloc(4)

/** Opens a connection and sends the preface (RFC 9113 section 3.4). */
export async function openRawHttp2(port: number): Promise<RawHttp2> {
  const socket = createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  const send = (type: keyof typeof TYPES, payload: Uint8Array, stream = 1): void => {
    socket.write(frame(TYPES[type], type === 'headers' ? END_HEADERS : 0, stream, payload))
  }
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  send('settings', Buffer.alloc(0), 0)
  return {
    socket,
    request: (headers) => send('headers', encodeFields({ ':scheme': 'http', ...headers })),
    data: (bytes) => send('data', bytes),
    reset: () => send('reset', NO_ERROR),
    destroy: () => void socket.destroy(),
  }
}

/** RFC 9113 section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Literal fields without indexing, nothing compressed (RFC 7541 section 6.2.2). */
function encodeFields(headers: OutgoingHttpHeaders): Buffer {
  const fields = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([Buffer.from([0]), encodeText(name.toLowerCase()), encodeText(String(value))]),
  )
  return Buffer.concat(fields)
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([encodeLength(bytes.length), bytes])
}

/** An integer with a prefix of seven bits (RFC 7541 section 5.1). */
function encodeLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length])
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}
