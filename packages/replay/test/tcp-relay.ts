import { connect, createServer, type Socket } from 'node:net'

/** A relay between a client and a server, as the address of a primary that may move. */
export interface TcpRelay {
  readonly port: number
  /** Ends all connections; new ones go to another port. */
  readonly switchTo: (port: number) => void
  /** Lets nothing through any more, and breaks no connection. */
  readonly clog: () => void
  readonly close: () => Promise<void>
}

/** Listens on a free port and passes bytes on, both ways. */
export async function startRelay(targetPort: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>()
  let target = targetPort
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    switchTo: (port) => {
      target = port
      endAll()
    },
    clog: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close: async () => {
      endAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
