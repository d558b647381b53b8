import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { SelfSigned } from './self-signed.ts'

/** A server on a loopback port of its own. */
export interface FaultServer {
  readonly port: number
  readonly url: string
  /** Connections so far. */
  readonly connections: () => number
  /** Bytes sent over connections that have ended. */
  readonly bytesSent: () => number
  readonly close: () => Promise<void>
}

export function startHttpServer(listener: RequestListener): Promise<FaultServer> {
  return listen(createHttpServer(listener), 'http')
}

export function startHttpsServer(certificate: SelfSigned, listener: RequestListener): Promise<FaultServer> {
  return listen(createHttpsServer({ key: certificate.key, cert: certificate.cert }, listener), 'https')
}

/** Bytes on a socket, for answers that no HTTP server would send. */
export function startTcpServer(answer: (socket: Socket) => void): Promise<FaultServer> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  return listen(server, 'http')
}

async function listen(server: Server, scheme: string): Promise<FaultServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  let bytesSent = 0
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.once('close', () => {
      bytesSent += socket.bytesWritten
      sockets.delete(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/document`,
    connections: () => connections,
    bytesSent: () => bytesSent,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
