import { generateKeyPairSync, sign } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { runCommand } from '../src/command/run-command.ts'
import { auditTrail, fileSink } from '../src/index.ts'
import { lineOf, type SealedMembers } from '../src/record/chain.ts'
import { checkpointKeyName, checkpointLine, signCheckpoint } from '../src/trail/checkpoint.ts'
import { eraseSubject, fileStore, readAnchors, verifyTrail } from '../src/verify.ts'
import { aProof } from './anchored-trail.ts'
import { type WrittenTrail, type WrittenTrailInput, writeTrail } from './written-trail.ts'

async function run(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCommand(args, { stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

const trails: WrittenTrail[] = []
afterEach(() => Promise.all(trails.splice(0).map((trail) => trail.remove())))

interface Written extends WrittenTrail {
  /** Arguments that name checkpoints and key. */
  readonly trusted: readonly string[]
  readonly verify: (lines: readonly string[], ...args: readonly string[]) => ReturnType<typeof run>
}

async function written(input: WrittenTrailInput): Promise<Written> {
  const trail = await writeTrail(input)
  trails.push(trail)
  const keyPath = `${trail.path}.pem`
  await writeFile(keyPath, trail.publicKey.export({ format: 'pem', type: 'spki' }))
  const trusted = ['--checkpoints', trail.checkpointPath, '--key', keyPath]
  const verify: Written['verify'] = async (lines, ...args) => {
    const path = `${trail.path}.changed`
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    return run('verify', ...trusted, ...args, path)
  }
  return { ...trail, trusted, verify }
}

const chainOf = (line: string): string => JSON.parse(line).chain

/** Lines of chains that started in different seconds: their names tell which is older. */
async function threeChains(): Promise<Written & { readonly chains: readonly (readonly string[])[] }> {
  const startsMs = [1_767_225_600_000, 1_767_225_700_000, 1_767_225_800_000]
  const trail = await written({ decisions: 6, runs: 3, startsMs })
  const names = [...new Set(trail.lines.map(chainOf))]
  return { ...trail, chains: names.map((name) => trail.lines.filter((line) => chainOf(line) === name)) }
}

describe('--require-anchored', () => {
  it('takes what is anchored to its end, and nothing else', async () => {
    const { lines, path, verify } = await written({ decisions: 4, runs: 2 })
    expect((await verify(lines, '--require-anchored')).code).toBe(0)
    const { code, out } = await run('verify', '--require-anchored', path)
    expect([code, out.match(/^UNANCHORED no checkpoint vouches for records 1 to 5 of chain/gm)?.length]).toEqual([1, 2])
  })
})

describe('a trail without a record', () => {
  it('is a finding unless it is allowed', async () => {
    const { path } = await written({ decisions: 1 })
    await writeFile(path, '')
    expect(await run('verify', path)).toMatchObject({
      code: 1,
      out: expect.stringContaining('EMPTY there is no record'),
    })
    expect(await run('verify', '--allow-empty', path)).toMatchObject({
      code: 0,
      out: expect.stringContaining('no record'),
    })
    expect((await run('report', '--regulation', 'sox', path)).code).toBe(1)
  })
})

describe('--partial', () => {
  const start = (chain: readonly string[]): string => chain[0] ?? ''

  it('excuses older chains, and the lost beginning of the oldest', async () => {
    const {
      chains: [, second = [], third = []],
      verify,
    } = await threeChains()
    for (const lines of [[...second, ...third], [...second.slice(4), ...third], third.slice(2)]) {
      expect((await verify(lines)).code).toBe(1)
      expect((await verify(lines, '--partial')).code).toBe(0)
    }
  })

  it('excuses no chain that is younger than the first line, and no lost beginning of one', async () => {
    const {
      chains: [first = [], second = [], third = []],
      verify,
    } = await threeChains()
    expect(await verify([...first, ...third], '--partial')).toMatchObject({ code: 1 })
    expect(await verify([...first, ...second], '--partial')).toMatchObject({ code: 1 })
    const { code, out } = await verify([...first, ...second.slice(3), ...third], '--partial')
    expect([code, out.includes(`chain ${chainOf(start(second))} begins with record 4`)]).toEqual([1, true])
    expect((await verify([...second.slice(3), ...first, ...third], '--partial')).code).toBe(1)
  })

  it('excuses nothing where no anchored record is left', async () => {
    const { verify } = await written({ decisions: 4 })
    const other = await written({ decisions: 4 })
    expect((await verify(other.lines, '--partial')).code).toBe(1)
  })
})

describe('checkpoints', () => {
  it('fail when a file of them holds none, or a line is none', async () => {
    const { checkpointPath, lines, verify } = await written({ decisions: 4 })
    await appendFile(checkpointPath, '{"at":"2026\n')
    expect(await verify(lines)).toMatchObject({ code: 1, out: expect.stringMatching(/^CHECKPOINT .*half written/m) })
    await writeFile(checkpointPath, '\n')
    expect(await verify(lines)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^CHECKPOINT .* holds no checkpoint$/m),
    })
  })

  it.each(['first', 'last'])('fail when two contradict each other, the false one %s', async (place) => {
    const { checkpointPath, checkpoints, lines, publicKey, verify } = await written({ decisions: 4 })
    const text = await readFile(checkpointPath, 'utf8')
    const { chain, seq } = JSON.parse(text.trim().split('\n').at(-1) ?? '')
    const end = { chain, seq, hash: 'x'.repeat(43) }
    const forged = signCheckpoint(end, '2026-01-01T00:00:00.000Z', checkpoints().key, checkpointKeyName(publicKey))
    await writeFile(
      checkpointPath,
      place === 'first' ? `${checkpointLine(forged)}\n${text}` : `${text}${checkpointLine(forged)}\n`,
    )
    expect(await verify(lines)).toMatchObject({ code: 1, out: expect.stringMatching(/^CHECKPOINT .* contradicts/m) })
  })
})

describe('evidence', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const signed = (): Promise<Written> => {
    const agent = { id: 'agt_a', level: 'signed', scheme: 'httpsig', record: { id: 'agt_a', state: 'active' } } as const
    return written({ decisions: 2, decision: () => ({ facts: { agent, proof: aProof(privateKey) } }) })
  }

  it('is verified, and counted in a report', async () => {
    const { path } = await signed()
    expect((await run('verify', path)).out).toContain('2 decisions hold a signature that verifies')
    const { summary } = JSON.parse((await run('report', '--regulation', 'hipaa', '--json', path)).out)
    expect([summary.signed, summary.signedIncompletely]).toEqual([2, 0])
  })

  it.each<[string, (decision: ReturnType<typeof aProof>) => object]>([
    ['another signature', (proof) => ({ signed: { ...proof.signed, signature: Buffer.alloc(64, 7) } })],
    ['another key', () => ({ publicKey: aProof(generateKeyPairSync('ed25519').privateKey).publicKey })],
    ['another thumbprint', () => ({ thumbprint: 'x'.repeat(43) })],
    ['another algorithm', () => ({ algorithm: 'ecdsa-p256-sha256' })],
    ['another host', () => aProofFor('"@method": GET\n"@authority": evil.example')],
    ['another method', () => aProofFor('"@method": DELETE\n"@authority": api.example.com')],
  ])('of %s is a finding, and the record is not counted', async (_what, change) => {
    const proof = aProof(privateKey)
    const agent = { id: 'agt_a', level: 'signed', scheme: 'httpsig', record: { id: 'agt_a', state: 'active' } } as const
    const facts = { agent, proof: { ...proof, ...change(proof) } }
    const { path } = await written({ decisions: 1, decision: () => ({ facts }) })
    expect(await run('verify', path)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^ALTERED .* has evidence that does not verify$/m),
    })
    expect(await run('show', 'req_0_0', path)).toMatchObject({
      code: 1,
      out: expect.stringContaining('DOES NOT VERIFY'),
    })
    const { summary } = JSON.parse((await run('report', '--regulation', 'hipaa', '--json', path)).out)
    expect([summary.signed, summary.decisions.allow]).toEqual([0, 0])
  })

  function aProofFor(base: string): object {
    const { privateKey: key } = generateKeyPairSync('ed25519')
    const { publicKey, thumbprint } = aProof(key)
    return { publicKey, thumbprint, signed: { base: Buffer.from(base), signature: sign(null, Buffer.from(base), key) } }
  }
})

describe('erasing', () => {
  const subject = 'user_17'

  it('verifies first, and leaves a trail alone that is not as it was written', async () => {
    const { lines, path, trusted } = await written({ decisions: 3 })
    const cut = `${lines.slice(0, -1).join('\n')}\n`
    await writeFile(path, cut)
    const { code, out } = await run('erase', '--subject', subject, ...trusted, path)
    expect([code, out.includes('TRUNCATED'), await readFile(path, 'utf8')]).toEqual([1, true, cut])
    expect((await run('prune', '--keep', '*=1', ...trusted, path)).code).toBe(1)
  })

  it('of what is anchored counts once its event is anchored, by --sign', async () => {
    const { checkpoints, path, trusted } = await written({ decisions: 3 })
    const keyPath = `${path}.private`
    await writeFile(keyPath, checkpoints().key.export({ format: 'pem', type: 'pkcs8' }))
    expect((await run('erase', '--subject', subject, ...trusted, '--sign', keyPath, path)).code).toBe(0)
    expect((await run('verify', ...trusted, '--require-anchored', path)).code).toBe(0)
  })

  it('or by the chain that goes on behind it', async () => {
    const trail = await written({ decisions: 3 })
    expect((await run('erase', '--subject', subject, ...trail.trusted, trail.path)).out).toContain('not anchored')
    expect(await run('verify', ...trail.trusted, trail.path)).toMatchObject({
      code: 1,
      out: expect.stringContaining('the event that names this is not anchored'),
    })
    const next = auditTrail({ sinks: [fileSink({ path: trail.path, daily: false })], checkpoints: trail.checkpoints() })
    await next.ready()
    await next.close()
    expect((await run('verify', ...trail.trusted, '--require-anchored', trail.path)).code).toBe(0)
  })

  it('of actors excuses nothing else in the same record', async () => {
    const { checkpoints, path, publicKey, checkpointPath, trusted } = await written({ decisions: 1 })
    const keyPath = `${path}.private`
    await writeFile(keyPath, checkpoints().key.export({ format: 'pem', type: 'pkcs8' }))
    await run('erase', '--subject', 'agt_planner', ...trusted, '--sign', keyPath, path)
    const [start = '', decision = '', ...others] = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const sealed: SealedMembers = JSON.parse(decision)
    const { target: _target, ...left } = sealed.private
    await writeFile(path, `${[start, lineOf({ ...sealed, private: left }), ...others].join('\n')}\n`)
    const report = await verifyTrail([path], { anchors: await readAnchors([checkpointPath], [publicKey]) })
    expect(report.findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^values of record 2 of chain .* were taken away, and no event names this$/),
    ])
  })

  it('in a program refuses by name', async () => {
    const { path } = await written({ decisions: 1 })
    await appendFile(path, 'x\n')
    const erasing = eraseSubject(fileStore([path]), { subject, record: async () => undefined })
    await expect(erasing).rejects.toMatchObject({ name: 'TamperedTrail', findings: [{ kind: 'malformed' }] })
  })
})
