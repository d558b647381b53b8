import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** A receiver of syslog, written from the RFCs alone. */
export interface SyslogReceiver {
  readonly port: number
  /** Everything received so far, one text a message. */
  readonly messages: string[]
  /** Resolves once so many messages have come. */
  readonly received: (count: number) => Promise<void>
  /** Ends connections and hears nothing more. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
}

/** Receives datagrams (RFC 5426). */
export async function receiveUdp(): Promise<SyslogReceiver> {
  const { messages, note, received } = createInbox()
  const socket = createSocket('udp4', note)
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    messages,
    received,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
    start: async () => undefined,
  }
}

/** Receives octet-counted messages (RFC 6587 section 3.4.1) over TCP, or TLS. */
export async function receiveStream(tls?: TlsOptions): Promise<SyslogReceiver> {
  const { messages, note, received } = createInbox()
  const sockets = new Set<Socket>()
  const accept = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    splitFrames(socket, note)
  }
  let port = 0
  let server: Server | undefined
  const start = async (): Promise<void> => {
    server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
    server.on('tlsClientError', () => undefined)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (typeof address === 'object' && address !== null) port = address.port
  }
  await start()
  return {
    port,
    messages,
    received,
    start,
    stop: async () => {
      // Once both sides have ended, the sender knows.
      const ended = [...sockets].map((socket) => once(socket, 'close'))
      for (const socket of sockets) socket.end()
      server?.close()
      await Promise.all(ended)
    },
  }
}

function splitFrames(socket: Socket, note: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let space = rest.indexOf(' '); space > 0; space = rest.indexOf(' ')) {
      const length = Number(rest.subarray(0, space).toString('latin1'))
      if (rest.length < space + 1 + length) return
      note(rest.subarray(space + 1, space + 1 + length))
      rest = rest.subarray(space + 1 + length)
    }
  })
}

function createInbox() {
  const messages: string[] = []
  const waiting = new Set<() => void>()
  return {
    messages,
    note: (message: Buffer): void => {
      messages.push(message.toString('utf8'))
      for (const look of waiting) look()
    },
    received: (count: number) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (messages.length >= count) resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

/** What a message says, by the grammar of RFC 5424 section 6. */
export interface ParsedSyslog {
  readonly priority: number
  readonly header: readonly string[]
  readonly element: string
  readonly parameters: Readonly<Record<string, string>>
  readonly message: string
}

/** Reads one message. @throws Error when it is none */
export function parseSyslog(text: string): ParsedSyslog {
  const match =
    /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|\[([^ \]=]+)((?: [^ =]+="(?:[^"\\\]]|\\.)*")*)\])(?: (.*))?$/s.exec(
      text,
    )
  if (match === null) throw new Error(`no syslog message: ${text}`)
  const [, priority, at = '', host = '', app = '', process = '', id = '', element = '', rest = '', message = ''] = match
  const parameters = [...rest.matchAll(/ ([^ =]+)="((?:[^"\\\]]|\\.)*)"/gs)]
  return {
    priority: Number(priority),
    header: [at, host, app, process, id],
    element,
    parameters: Object.fromEntries(
      parameters.map(([, name = '', value = '']) => [name, value.replace(/\\(["\\\]])/g, '$1')]),
    ),
    message,
  }
}
