import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandError, hasCode } from '../errors.ts'

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** A server that listens. */
export interface ListeningServer {
  /** As a URL: `http://127.0.0.1:8443`. */
  readonly address: string
  /** Takes no new connections; what is under way has ten seconds. */
  readonly end: () => Promise<void>
}

const GRACE_MS = 10_000
const LOOK_EVERY_MS = 50

/** @throws CommandError when the address is taken, or none of this machine */
export function listen(listener: RequestListener, place: ListenAddress): Promise<ListeningServer> {
  const { host, port } = place
  const server = createServer(listener)
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const why = hasCode(error, 'EADDRINUSE') ? 'it is taken' : error.message
      reject(new CommandError(`cannot listen at ${host}:${port}: ${why}`, 'say where: --listen 127.0.0.1:8443'))
    })
    server.listen(port, host, () => resolve({ address: addressOf(server), end: () => end(server) }))
  })
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** A connection that is kept alive becomes idle only after the answer that was under way. */
async function end(server: Server): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  const look = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  clearInterval(look)
  clearTimeout(late)
}

/** @throws CommandError */
export function readAddress(name: string, given: string): ListenAddress {
  const [, host = '', port] = /^(?:(.+):)?(\d{1,5})$/.exec(given) ?? []
  if (port !== undefined && Number(port) <= 65_535)
    return { host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port: Number(port) }
  throw new CommandError(`${name} must be an address, not ${given}`, 'such as 127.0.0.1:8443, or 0.0.0.0:8443')
}
