import { execFile } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { runCommand } from '../src/command/run-command.ts'
import { auditTrail, fileAnchor, fileSink } from '../src/index.ts'
import { type AuditedApp, startAuditedApp } from './audited-app.ts'
import { type Bundle, isAnchored, isSignedByAgent } from './independent-verifier.ts'
import { type WrittenTrail, writeTrail } from './written-trail.ts'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(...args: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCommand(args, { stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

async function writeKey(path: string, key: KeyObject): Promise<string> {
  await writeFile(path, key.export({ format: 'pem', type: 'spki' }))
  return path
}

describe('countermark-audit verify', () => {
  let trail: WrittenTrail
  let trusted: readonly string[]
  beforeAll(async () => {
    trail = await writeTrail({ decisions: 12, runs: 2 })
    const key = await writeKey(`${trail.path}.pem`, trail.publicKey)
    trusted = ['--checkpoints', trail.checkpointPath, '--key', key]
  })
  afterAll(() => trail.remove())

  it('finds nothing in what nobody touched, and says that all of it is anchored', async () => {
    const { code, out } = await run('verify', ...trusted, trail.path)
    expect([code, out.includes('NOT ANCHORED'), out.includes('anchored to record 13')]).toEqual([0, false, true])
  })

  it('never calls a tail verified that no checkpoint vouches for', async () => {
    const { code, out } = await run('verify', trail.path)
    expect([code, out.match(/NOT ANCHORED: /g)]).toEqual([0, ['NOT ANCHORED: ', 'NOT ANCHORED: ']])
    expect(out).toMatch(
      /^no alteration was found; what is NOT ANCHORED can have been replaced or cut off all the same$/m,
    )
    expect(out).not.toContain('nothing was altered')
  })

  it('ends with 1 when a line is gone, and names the place', async () => {
    const path = `${trail.path}.cut`
    await writeFile(
      path,
      trail.lines
        .toSpliced(4, 1)
        .map((line) => `${line}\n`)
        .join(''),
    )
    const { code, out } = await run('verify', ...trusted, path)
    expect([code, out.includes(`MISSING ${path}:5 record 5 of`), out.includes('TAMPERED: 1 finding\n')]).toEqual([
      1,
      true,
      true,
    ])
  })

  it('takes a trail without its beginning when it is told that this was meant', async () => {
    const path = `${trail.path}.later`
    await writeFile(
      path,
      trail.lines
        .slice(5)
        .map((line) => `${line}\n`)
        .join(''),
    )
    expect((await run('verify', ...trusted, path)).code).toBe(1)
    expect((await run('verify', ...trusted, '--partial', path)).code).toBe(0)
  })

  it('takes files in any order', async () => {
    const [first, second] = [`${trail.path}.1`, `${trail.path}.2`]
    await writeFile(
      first,
      trail.lines
        .slice(0, 7)
        .map((line) => `${line}\n`)
        .join(''),
    )
    await writeFile(
      second,
      trail.lines
        .slice(7)
        .map((line) => `${line}\n`)
        .join(''),
    )
    expect((await run('verify', ...trusted, second, first)).code).toBe(0)
  })

  it('does not believe checkpoints that another key signed', async () => {
    const other = await writeKey(`${trail.path}.other.pem`, createPublicKey(generateKeyPairSync('ed25519').privateKey))
    const { code, out } = await run('verify', '--checkpoints', trail.checkpointPath, '--key', other, trail.path)
    expect(code).toBe(1)
    expect(out).toMatch(/^CHECKPOINT .*:\d+ is no checkpoint that a trusted key signed$/m)
    expect(out).toContain('NOT ANCHORED')
  })

  it.each([
    ['no command', []],
    ['an unknown command', ['erase', 'file']],
    ['no file', ['verify']],
    ['a file that is not there', ['verify', '/nowhere/audit.ndjson']],
    ['an unknown option', ['verify', '--fast', 'file']],
    ['checkpoints without a key', ['verify', '--checkpoints', 'a', 'b']],
    ['an id that is not there', ['show', 'x', __filename]],
  ])('ends with 2 for %s', async (_what, args) => {
    const { code, err } = await run(...args)
    expect([code, err !== '']).toEqual([2, true])
  })

  it('is what the package starts', async () => {
    const started = promisify(execFile)(process.execPath, [
      ...['--import', 'tsx', '--conditions=@countermark/source', join(__dirname, '../src/cli.ts')],
      ...['verify', '--json', trail.path],
    ])
    expect(JSON.parse((await started).stdout)).toMatchObject({ records: 26, findingCount: 0 })
  }, 60_000)
})

describe('countermark-audit show, when somebody is acted for', () => {
  it('draws through whose hands it went, without empty names', async () => {
    const trail = await writeTrail({ decisions: 1 })
    const { out } = await run('show', 'req_0_0', trail.path)
    expect(out).toContain('for:         "user_17"\n             └─ "agt_planner"\n                └─ ')
    expect(out).not.toMatch(/^:/m)
    await trail.remove()
  })
})

describe('countermark-audit show', () => {
  let app: AuditedApp
  afterEach(() => app.close())

  it('tells a person about a decision, and gives a machine its evidence', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    app = await startAuditedApp()
    const path = `${app.path}.anchored`
    const checkpointPath = `${app.path}.checkpoints`
    const trail = auditTrail({
      sinks: [fileSink({ path })],
      checkpoints: { key: privateKey, anchors: [fileAnchor({ path: checkpointPath })] },
    })
    const other = await startAuditedApp({ guard: { recorder: trail } })
    await other.send({ url: 'https://api.example.com/orders/7', method: 'POST', body: '{}' })
    await other.send({ url: 'https://api.example.com/orders/7' })
    await trail.close()
    const [, decision] = (await readFile(path, 'utf8')).split('\n').map((line) => line && JSON.parse(line))
    const trusted = ['--checkpoints', checkpointPath, '--key', await writeKey(`${app.path}.pem`, publicKey)]
    const bundlePath = `${app.path}.bundle`
    const { code, out } = await run('show', ...trusted, '--bundle', bundlePath, decision.record.id, path)
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/decision: +ALLOW by preventReplay[\s\S]*outcome: +201[\s\S]*evidence: +signature/),
    ])
    const bundle: Bundle = JSON.parse(await readFile(bundlePath, 'utf8'))
    expect([isSignedByAgent(bundle.sealed), isAnchored(bundle, publicKey), bundle.links.length]).toEqual([
      true,
      true,
      3,
    ])
    await other.close()
  })
})
