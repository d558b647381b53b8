import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** A way to a port of this machine that takes its time. */
export interface SlowProxy {
  readonly port: number
  readonly close: () => Promise<void>
}

/** Hands on what comes from the server only after a while, like a server far away. */
export async function startSlowProxy(target: number, delayMs: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = createConnection(target, '127.0.0.1')
    near.pipe(far)
    far.on('data', (chunk) => void setTimeout(() => near.write(chunk), delayMs))
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
