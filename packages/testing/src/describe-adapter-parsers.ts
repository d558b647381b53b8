import { gzipSync } from 'node:zlib'
import type { BodyParser } from './adapter-under-test.ts'
import type { StartGuardedApp } from './guarded-app.ts'

const BOUNDARY = 'a-line-between-the-parts'
const FILE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x00, 0xff])

/** Parsers behind the guard find what was sent. */
export function describeParsers<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a parser behind the guard', () => {
    const parse = async (kind: BodyParser, headers: Readonly<Record<string, string>>, body: string | Uint8Array) => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          app.use(guard(checks.verify, checks.once), adapter.parser(kind), handler)
        },
      })
      const response = await app.send({ method: 'POST', headers, body })
      return { app, response, run: app.runs[0] }
    }

    it('reads JSON', async () => {
      const { run } = await parse('json', { 'Content-Type': 'application/json' }, '{"item":"blue kettle","qty":2}')
      expect(run?.body).toEqual({ item: 'blue kettle', qty: 2 })
    })

    it('reads JSON that came compressed and was signed so', async () => {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
      const { run } = await parse('json', headers, gzipSync('{"item":"blue kettle","qty":2}'))
      expect(run?.body).toEqual({ item: 'blue kettle', qty: 2 })
    })

    it('reads a form', async () => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
      const { run } = await parse('urlencoded', headers, 'item=blue+kettle&qty=2&note=%C3%A9')
      expect({ ...(run?.body as object) }).toEqual({ item: 'blue kettle', qty: '2', note: 'é' })
    })

    it('reads text', async () => {
      const { run } = await parse('text', { 'Content-Type': 'text/plain; charset=utf-8' }, 'two kettles, blue — please')
      expect(run?.body).toBe('two kettles, blue — please')
    })

    it('reads bytes', async () => {
      const { run } = await parse('raw', { 'Content-Type': 'application/octet-stream' }, FILE)
      expect(Buffer.from(run?.body as Uint8Array).equals(FILE)).toBe(true)
    })

    it('reads parts with files', async () => {
      const { run } = await parse(
        'multipart',
        { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
        multipart(),
      )
      expect({ ...(run?.body as object) }).toEqual({ note: 'a picture' })
      expect(run?.files.map((file) => file.equals(FILE))).toEqual([true])
    })

    it('reads nothing of a request that is refused', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          app.use(guard(checks.verify, checks.once), adapter.parser('json'), handler)
        },
      })
      const headers = [['Content-Type', 'application/json']] as const
      const response = await app.sendPlain({ method: 'POST', headers, body: Buffer.from('{"not json') })
      expect([response.status, app.runs.length]).toEqual([401, 0])
    })
  })
}

function multipart(): Buffer {
  const head = [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="note"',
    '',
    'a picture',
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="kettle.png"',
    'Content-Type: image/png',
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head), FILE, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
}
