import { join } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import express from 'express'
import { countermark } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

const URL_CALLED = 'https://api.example.com/api/orders?item=a%20kettle'
const CONTENT = '{"item":"kettle"}'

/** What arrives, when nothing was changed. */
interface Arrived {
  readonly target: string
  readonly host: string
  readonly type: string
  readonly content: string
  /** More lines of the head. */
  readonly more: string
}

const UNCHANGED: Arrived = {
  target: '/api/orders?item=a%20kettle',
  host: 'api.example.com',
  type: 'application/json',
  content: CONTENT,
  more: '',
}

describe('countermark explain', () => {
  const folder = useCommandFolder()
  let signed: readonly (readonly [string, string])[]

  beforeEach(async () => {
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    const { out } = await folder.run(['sign', URL_CALLED, '--json', CONTENT, '--json-output'])
    signed = JSON.parse(out).headers
  })

  function save(changes: Partial<Arrived> = {}): void {
    const { target, host, type, content, more } = { ...UNCHANGED, ...changes }
    const fields = signed.map(([name, value]) => `${name}: ${name === 'content-type' ? type : value}\r\n`).join('')
    const length = Buffer.byteLength(content)
    folder.write(
      'saved.http',
      `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}${more}Content-Length: ${length}\r\n\r\n${content}`,
    )
  }

  function explain(...args: readonly string[]) {
    return folder.run(['explain', '--request', 'saved.http', '--origin', 'https://api.example.com', ...args])
  }

  it('says who signed a request that passes', async () => {
    save()
    const { code, out } = await explain()
    expect(out).toContain('passes: signed by agt_7f2k9x')
    expect(code).toBe(0)
  })

  it.each<[string, Partial<Arrived>, string]>([
    ['Host', { host: 'localhost:3000' }, 'the agent called api.example.com, localhost:3000 arrived'],
    ['the path', { target: '/orders?item=a%20kettle' }, 'a proxy took /api off the path'],
    ['the prefix', { target: '/api/api/orders?item=a%20kettle' }, '/api was put in front of the path'],
    ['the query', { target: '/api/orders?item=a+kettle' }, 'plus signs'],
    ['a slash', { target: '/api/orders/?item=a%20kettle' }, 'a slash at the end of the path'],
    ['the type', { type: 'application/json; charset=utf-8' }, 'the agent signed application/json'],
    ['JSON', { content: '{ "item": "kettle" }' }, 'the agent signed it without spaces'],
    ['a line end', { content: `${CONTENT}\n` }, 'a line end was added'],
  ])('finds out that %s was changed on the way', async (_case, changes, sentence) => {
    save(changes)
    const { code, out } = await explain()
    expect(out).toContain('found: ')
    expect(out).toContain(sentence)
    expect(out).toContain('  fix: ')
    expect(code).toBe(1)
  })

  it('finds three changes at a time', async () => {
    save({ host: 'localhost:3000', target: '/orders?item=a%20kettle', content: '{ "item": "kettle" }' })
    const { changes, left } = JSON.parse((await explain('--json')).out)
    expect(changes).toHaveLength(3)
    expect(left).toBeUndefined()
  })

  it('says how far it comes where a change cannot be undone', async () => {
    save({ host: 'localhost:3000', content: '{"item":"pot"}' })
    const { changes, left } = JSON.parse((await explain('--json')).out)
    expect(changes).toMatchObject([{ done: expect.stringContaining('localhost:3000 arrived') }])
    expect(left).toBe('digest_mismatch')
  })

  it('finds where the agent called in fields of proxies', async () => {
    save({ host: 'upstream:8080', more: 'X-Forwarded-Host: api.example.com\r\n' })
    const { out } = await folder.run(['explain', '--request', 'saved.http', '--origin', 'https://upstream:8080'])
    expect(out).toContain('the agent called api.example.com')
  })

  it('shows what the guard expects to be signed', async () => {
    save({ target: '/elsewhere' })
    const { out } = await explain()
    expect(out).toContain('signature_invalid')
    expect(out).toContain('"@path": /elsewhere')
  })

  it.each([
    ['an unknown key', ['--agents', 'others.json'], 'key_unknown'],
    ['a time long after', ['--at', '2030-01-01T00:00:00Z'], 'signature_expired'],
    ['a time before', ['--at', '2020-01-01T00:00:00Z'], 'the clock of the agent is ahead'],
  ])('names %s', async (_case, args, sentence) => {
    await folder.run(['keygen', 'agt_other', '--agents', 'others.json', '--out', 'other.pem'])
    save()
    expect((await explain(...args)).out).toContain(sentence)
  })

  it('takes what curl -v prints, from standard input', async () => {
    save({ target: '/orders?item=a%20kettle' })
    const marked = folder
      .read('saved.http')
      .split('\r\n\r\n')[0]
      ?.split('\r\n')
      .map((line) => `> ${line}`)
    const pasted = ['* Connected', ...(marked ?? []), '> ', '< HTTP/1.1 401 Unauthorized'].join('\n')
    const { code, out } = await folder.run(['explain', '--origin', 'https://api.example.com'], pasted)
    expect(out).toContain('signature_invalid')
    expect(code).toBe(1)
  })

  it.each([
    ['nothing', ''],
    ['an answer', 'HTTP/1.1 200 OK\n\n'],
    ['no fields', 'GET / HTTP/1.1\nnonsense\n'],
  ])('exits with 2 for %s in place of a request', async (_case, input) => {
    const { code, err } = await folder.run(['explain'], input)
    expect(err).toMatch(/this is no request|is no header field/)
    expect(code).toBe(2)
  })

  it('explains a code', async () => {
    const { code, out } = await folder.run(['explain', 'replay_detected'])
    expect(out).toContain('**Fix**')
    expect(code).toBe(0)
  })

  it('explains a request by its id, from the audit trail', async () => {
    const path = join(folder.path, 'audit.ndjson')
    const trail = auditTrail({ sinks: [fileSink({ path })] })
    const app = express()
    const server = await startServer(app)
    const options = { origins: [server.origin], keys: staticKeys([]), replay: memoryReplayStore({ startedAt: 0 }) }
    app.use(countermark({ ...options, recorder: trail }))
    const refused = await fetch(`${server.origin}/orders`, { method: 'POST' })
    const { request_id: requestId }: { readonly request_id: string } = JSON.parse(await refused.text())
    await server.close()
    await trail.close()
    const { code, out } = await folder.run(['explain', requestId, '--trail', 'audit.ndjson'])
    expect(out).toContain('POST /orders')
    expect(out).toContain('credentials_missing')
    expect(code).toBe(0)
  })

  it('says that a trail has no record of an id', async () => {
    folder.write('audit.ndjson', '')
    const { code, out } = await folder.run(['explain', 'no-such-id', '--trail', 'audit.ndjson'])
    expect(out).toContain('no record of no-such-id')
    expect(code).toBe(1)
  })
})
