import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createConnection } from '../../src/from-authority/authority-connection.ts'

describe('the connection to an authority', () => {
  it('keeps no socket of a stream that was refused', async () => {
    const server = createServer((_request, response) => response.writeHead(503).write('later'))
    const connected = once(server, 'connection')
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const url = new URL(`http://127.0.0.1:${port}`)
    const connection = createConnection({ url, token: undefined, ca: undefined, deadlineMs: 1000 })
    const limits = { silenceMs: 60_000, signal: new AbortController().signal }
    const read = connection.read('/doors/a/events', () => undefined, limits)
    const [socket] = await connected
    const closed = once(socket, 'close')
    await expect(read).rejects.toThrow('the authority answers 503')
    await closed
    expect(socket.destroyed).toBe(true)
    server.close()
  })
})
