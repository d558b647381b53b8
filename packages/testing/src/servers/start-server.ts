import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that listens on a port of its own. */
export interface StartedServer {
  /** The server of Node. */
  readonly server: Server
  /** Its port on 127.0.0.1. */
  readonly port: number
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string
  /** Ends every connection and frees the port. */
  readonly close: () => Promise<void>
}

/** Starts a Node handler, an Express application, `koa.callback()` or a server on a free port of 127.0.0.1. */
export async function startServer(handler: RequestListener | Server): Promise<StartedServer> {
  const server = typeof handler === 'function' ? createServer(handler) : handler
  // A test that makes keys for seconds must not find the connection of its client closed.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return { server, port, origin: `http://127.0.0.1:${port}`, close: () => closeServer(server) }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
    server.closeAllConnections()
  })
}
