import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { withDeadline } from '@countermark/core/internal'
import { writeInto } from '../sink.ts'

/** Brings messages to a syslog receiver. */
export interface SyslogTransport {
  /** Answers when this machine has sent them; that they arrived is not confirmed. */
  readonly send: (messages: readonly Buffer[]) => Promise<void>
  readonly close: () => void
}

/** Where messages go. */
export interface SyslogAddress {
  readonly host: string
  readonly port: number
  readonly deadlineMs: number
}

/** RFC 5426: one message in a datagram. */
export function udpTransport({ host, port }: SyslogAddress): SyslogTransport {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  // What the network reports of earlier datagrams is about none in particular.
  socket.on('error', () => undefined)
  socket.unref()
  const sendOne = (message: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error)))
    })
  return {
    send: async (messages) => {
      for (const message of messages) await sendOne(message)
    },
    close: () => socket.close(),
  }
}

/** RFC 6587 section 3.4.1 over TCP, and RFC 5425 over TLS: each message behind its length. Connects anew when it must. */
export function streamTransport(address: SyslogAddress, tls: ConnectionOptions | undefined): SyslogTransport {
  let connection: Promise<Socket> | undefined
  const open = (): Promise<Socket> => {
    connection ??= openSocket(address, tls, () => {
      connection = undefined
    })
    return connection
  }
  return {
    send: async (messages) => {
      // An end that has arrived already is noticed before something is written into it.
      await new Promise((resolve) => setImmediate(resolve))
      const socket = await open()
      const framed = messages.flatMap((message) => [Buffer.from(`${message.length} `), message])
      const written = writeInto(socket, Buffer.concat(framed))
      await withDeadline(written, address.deadlineMs).catch((error: unknown) => {
        socket.destroy()
        throw error
      })
    },
    close: () => {
      void connection?.then(
        (socket) => socket.end(),
        () => undefined,
      )
    },
  }
}

function openSocket(
  { host, port, deadlineMs }: SyslogAddress,
  tls: ConnectionOptions | undefined,
  onGone: () => void,
): Promise<Socket> {
  const socket = tls === undefined ? connect(port, host) : connectTls({ ...tls, host, port, servername: nameOf(host) })
  socket.setKeepAlive(true, 30_000)
  socket.unref()
  // Receivers say nothing; what they say all the same is read, so that their end is seen.
  socket.resume()
  const opened = new Promise<Socket>((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => {
      onGone()
      reject(new Error('the connection was closed'))
    })
  })
  return withDeadline(opened, deadlineMs).catch((error: unknown) => {
    socket.destroy()
    onGone()
    throw error
  })
}

/** TLS names no addresses (RFC 6066 section 3). */
function nameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host
}
