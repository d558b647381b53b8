import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { rawRequest } from '../servers/send-raw.ts'
import { sentWith } from './fixtures.ts'
import { AUTHORITY, codesOf, type GuardedApp, problemOf, type StartGuardedApp } from './guarded-app.ts'

const GIGABYTE = 1_073_741_824
/** What a refused upload may still send before the connection is cut. */
const THROWN_AWAY = 33_554_432

/** Connections that carry more than one request, or more than a guard reads. */
export function describeConnections<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a large upload of an unknown caller', () => {
    it.each([
      ['a declared length', `Content-Length: ${GIGABYTE}\r\n\r\n`, ''],
      ['chunks', 'Transfer-Encoding: chunked\r\n\r\n', '10000\r\n'],
    ])('is refused by its header fields, thrown away for a while and cut off: %s', async (_name, head, frame) => {
      const app = await start()
      const connected = once(app.server, 'connection')
      const socket = createConnection(app.port, '127.0.0.1')
      const closed = uploadUntilClosed(socket, `POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n${head}`, frame)
      const [server] = (await connected) as [Socket]
      await once(server, 'close')
      expect(codesOf(app)).toEqual(['credentials_missing'])
      expect(server.bytesRead).toBeLessThan(2 * THROWN_AWAY)
      socket.destroy()
      await closed
    })

    it('is answered also where all of it is sent before anything is read, and keeps nothing of what was sent', async () => {
      const app = await start()
      const length = THROWN_AWAY / 2
      const socket = createConnection({ port: app.port, host: '127.0.0.1', allowHalfOpen: true }).pause()
      const head = `POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\nContent-Length: ${length}\r\n\r\n`
      socket.write(head)
      await new Promise<unknown>((resolve, reject) => {
        socket.once('error', reject)
        socket.write(Buffer.alloc(length, 'x'), resolve)
      })
      const answer = String(Buffer.concat(await socket.toArray()))
      expect(answer).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n[\s\S]*"code":"credentials_missing"/)
      socket.destroy()
      expect(app.runs).toHaveLength(0)
    })

    it('is refused to an agent before its body is read, too', async () => {
      const app = await start({ options: { maxBodyBytes: 10 * GIGABYTE } })
      const tamper = { ...sentWith([['Content-Length', String(GIGABYTE)]]), signature: () => new Uint8Array(64) }
      const response = await app.send({ method: 'POST', body: 'x', tamper })
      expect([problemOf(response)['code'], response.header('connection')]).toEqual(['signature_invalid', 'close'])
    })
  })

  describe('a connection that is kept alive', () => {
    it('goes on after a refusal, also when a small body was left unread', async () => {
      const app = await start()
      const good = await keepAlive(app, { method: 'GET' })
      const refused = `POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\nContent-Length: 5\r\n\r\nhello`
      expect(await statusesOf(app, [refused, good])).toEqual([401, 200])
    })

    it('answers pipelined requests each by itself, in their order', async () => {
      const app = await start()
      const first = await keepAlive(app, { method: 'POST', body: '{"n":1}' })
      const stolen = `POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\nContent-Length: 7\r\n\r\n{"n":2}`
      const third = await keepAlive(app, { method: 'POST', body: '{"n":3}' })
      expect(await statusesOf(app, [[first, stolen, third].join('')])).toEqual([200, 401, 200])
      expect(app.runs).toHaveLength(2)
    })

    it('does not let one request vouch for the next', async () => {
      const app = await start()
      const good = await keepAlive(app, { method: 'GET' })
      const plain = `GET / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n\r\n`
      expect(await statusesOf(app, [good, plain])).toEqual([200, 401])
    })
  })
}

async function keepAlive(
  app: GuardedApp,
  request: { readonly method: string; readonly body?: string },
): Promise<string> {
  const tamper = sentWith([['Connection', 'keep-alive']])
  return rawRequest(await app.agent.signRequest({ ...request, tamper })).toString('latin1')
}

/** Sends parts on one connection, each once the answer to the one before has come, and reads as many answers as requests. */
async function statusesOf(app: GuardedApp, parts: readonly string[]): Promise<readonly number[]> {
  const socket = createConnection(app.port, '127.0.0.1')
  const wanted = parts.join('').match(/ HTTP\/1\.1\r\n/g)?.length ?? 0
  const left = [...parts]
  let text = ''
  const statuses = (): number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
  socket.write(left.shift() ?? '')
  for await (const chunk of socket) {
    text += String(chunk)
    if (statuses().length >= wanted) break
    const next = left.shift()
    if (next !== undefined) socket.write(next)
  }
  return statuses()
}

/** Writes as fast as the other side reads, until it is closed. */
function uploadUntilClosed(socket: Socket, head: string, frame: string): Promise<void> {
  const block = Buffer.concat([Buffer.from(frame), Buffer.alloc(65_536, 'x'), Buffer.from(frame === '' ? '' : '\r\n')])
  return new Promise((resolve) => {
    const write = (): void => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on('drain', write)
    socket.on('error', () => undefined) // a reset is what is expected here
    socket.on('close', () => resolve())
    socket.write(head)
    write()
  })
}
