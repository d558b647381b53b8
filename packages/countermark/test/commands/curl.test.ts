import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { requireProgram, type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import { countermark } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

const hasPrograms = ['openssl', 'curl', 'sh'].every((name) => requireProgram(name) !== undefined)
const itWithPrograms = hasPrograms ? it : it.skip

describe('countermark curl and sign', () => {
  const folder = useCommandFolder()
  let server: StartedServer

  beforeEach(async () => {
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    const app = express()
    server = await startServer(app)
    const keys = fromFile(join(folder.path, 'agents.json'))
    app.use(countermark({ origins: [server.origin], keys, replay: memoryReplayStore({ startedAt: 0 }) }))
    app.use(express.json(), express.urlencoded({ extended: false }))
    app.all(
      '/orders',
      (req, res) => void res.status(201).json({ method: req.method, body: req.body, by: req.agent?.id }),
    )
  })
  afterEach(() => server.close())

  it.each([
    ['a GET', [], { method: 'GET', by: 'agt_7f2k9x' }],
    ['JSON', ['--json', '{"item":"kettle"}'], { method: 'POST', body: { item: 'kettle' }, by: 'agt_7f2k9x' }],
    ['a form of two pieces', ['-d', 'a=1', '-d', 'b=2'], { method: 'POST', body: { a: '1', b: '2' } }],
    ['another method', ['-X', 'DELETE'], { method: 'DELETE' }],
    ['the simple form', ['--form', 'simple-v1', '--json', '{}'], { by: 'agt_7f2k9x' }],
  ])('sends %s, signed', async (_case, args, expected) => {
    const { code, out } = await folder.run(['curl', `${server.origin}/orders`, ...args])
    expect(JSON.parse(out)).toMatchObject(expected)
    expect(code).toBe(0)
  })

  it('takes content from a file, byte by byte', async () => {
    folder.write('order.json', '{"item":\n"kettle"}\n')
    const { out } = await folder.run(['curl', `${server.origin}/orders`, '--json', '@order.json'])
    expect(JSON.parse(out)).toMatchObject({ body: { item: 'kettle' } })
  })

  it('shows the head of the answer', async () => {
    const { out } = await folder.run(['curl', `${server.origin}/orders`, '-i'])
    expect(out).toMatch(/^HTTP 201 Created\n[\s\S]*content-type: application\/json[\s\S]*\n\n\{/)
  })

  it('exits with 1 when it is refused, and says how to find out why', async () => {
    await folder.run(['keygen', 'agt_stranger', '--out', 'other.pem'])
    const { code, err } = await folder.run([
      'curl',
      `${server.origin}/orders`,
      '--key',
      'other.pem',
      '--agent',
      'agt_7f2k9x',
    ])
    expect(code).toBe(1)
    expect(err).toMatch(/refused: 401 key_unknown\n {2}what to do: npx countermark explain key_unknown\n/)
    expect(err).toMatch(
      / {2}why, where the service keeps a trail: npx countermark explain [0-9a-f-]{36} --trail FILE\n/,
    )
  })

  it.each([
    ['the key is missing', ['--key', 'missing.pem'], 'missing.pem cannot be read'],
    ['nothing says whose key it is', ['--key', 'other.pem'], 'nothing says whose key other.pem is'],
    ['a header field is none', ['-H', 'nonsense'], 'nonsense is no header field'],
  ])('exits with 2 when %s', async (_case, args, sentence) => {
    await folder.run(['keygen', 'agt_stranger', '--out', 'other.pem'])
    const { code, err } = await folder.run(['curl', `${server.origin}/orders`, ...args])
    expect(err).toContain(sentence)
    expect(code).toBe(2)
  })

  it('exits with 2 when there is no answer', async () => {
    await server.close()
    const { code, err } = await folder.run(['curl', `${server.origin}/orders`])
    expect(err).toContain('gave no answer')
    expect(code).toBe(2)
    server = await startServer(express())
  })

  itWithPrograms.each([
    ['a GET', []],
    ['JSON with quotes', ['--json', '{"item":"it\'s 100% kettle"}']],
    ['a query', ['-X', 'GET']],
  ])('prints %s as openssl and curl send it', async (_case, args) => {
    const { out } = await folder.run(['curl', `${server.origin}/orders?a=1%202`, ...args, '--print'])
    const { stdout } = await promisify(execFile)('sh', ['-c', out], { cwd: folder.path })
    expect(stdout).toContain('HTTP/1.1 201 Created')
  })

  it('prints the fields of a signed request without sending it', async () => {
    const { out } = await folder.run(['sign', `${server.origin}/orders`, '--json', '{}', '--json-output'])
    const { method, headers } = JSON.parse(out)
    const response = await fetch(`${server.origin}/orders`, { method, headers, body: '{}' })
    expect(response.status).toBe(201)
  })
})
