import { consultPolicy, type PolicyInput } from '@countermark/policy'
import { type OpaWasmEngine, opaWasm } from '@countermark/policy/opa-wasm'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { bundleFiles, createSigner, type Files, tarGz } from './a-bundle.ts'
import { aCaller } from './a-caller.ts'

const signer = createSigner()
const verification = { keys: { release: signer.publicKey } }
const CALL = { signal: new AbortController().signal }

const QUESTION: PolicyInput = {
  actor: { type: 'agent', id: 'agent-code-reviewer-01' },
  on_behalf_of: { user_id: 'user_123', issuer: 'https://login.example.com' },
  action: 'pr.create',
  resource: { repo: 'acme/api' },
  scope: ['repo:read', 'pr:write:draft'],
  context: {},
}

const open = (bundle: Buffer): OpaWasmEngine => opaWasm({ bundle, verification })

describe('a bundle of Open Policy Agent', () => {
  it('decides in this process, by its revision', () => {
    const engine = open(signer.bundle(bundleFiles('r7')))
    expect(engine.decide(QUESTION, CALL)).toEqual({ allow: true, revision: 'r7' })
    expect(engine.decide({ ...QUESTION, action: 'pr.merge' }, CALL)).toEqual({ allow: false, revision: 'r7' })
  })

  it('answers the same after many questions', () => {
    const engine = open(signer.bundle(bundleFiles()))
    const answers = Array.from({ length: 2_000 }, () => engine.decide(QUESTION, CALL))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })

  it('refuses a question that does not fit into its memory, and goes on', async () => {
    const policy = consultPolicy(opaWasm({ bundle: signer.bundle(bundleFiles()), verification, maxPages: 5 }), {
      resource: { pad: 'x'.repeat(600_000) },
    })
    const ask = async () => policy(aRequest({}), aCaller(), createTestEnvironment())
    await expect(ask()).rejects.toMatchObject({ code: 'policy_unavailable' })
  })

  it('says at the start what is missing', () => {
    expect(() => opaWasm({ bundle: tarGz(bundleFiles()) } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_MISSING' }),
    )
  })

  it('may be unsigned where that is said', () => {
    const engine = opaWasm({ bundle: tarGz(bundleFiles()), verification: 'unsigned' })
    expect(engine.decide(QUESTION, CALL)).toMatchObject({ allow: true })
  })
})

describe('a bundle that somebody swapped', () => {
  const files = bundleFiles()
  const more: Files = { ...files, 'extra.rego': 'package agent.authz' }
  const { '.manifest': _, ...without } = files
  it.each<[string, () => Buffer]>([
    ['has no signature', () => tarGz(files)],
    ['is signed by another', () => createSigner().bundle(files)],
    ['names a key that is not known', () => signer.bundle(files, { kid: 'other' })],
    ['names a key of Object', () => signer.bundle(files, { kid: 'constructor' })],
    ['names no algorithm', () => signer.bundle(files, { alg: 'none' })],
    ['names an algorithm that the key has not', () => signer.bundle(files, { alg: 'RS256' })],
    ['names a symmetric algorithm', () => signer.bundle(files, { alg: 'HS256' })],
    ['has another policy', () => signer.bundle(files, { packed: { ...files, 'policy.wasm': Buffer.from('\0asm') } })],
    ['has other data', () => signer.bundle(files, { packed: { ...files, 'data.json': '{"limit":6}' } })],
    ['has one file more', () => signer.bundle(files, { packed: more })],
    ['has one file less', () => signer.bundle(files, { packed: without })],
    ['is of another scope', () => signer.bundle(files, { claims: { scope: 'staging' } })],
    ['is no archive', () => Buffer.from('policy')],
    ['leaves the archive', () => signer.bundle({ ...files, '../policy.wasm': '' })],
    ['sets a prototype by a name', () => signer.bundle({ ...files, '__proto__/data.json': '{"x":1}' })],
    ['sets a prototype by data', () => signer.bundle({ ...files, 'data.json': '{"__proto__":{"x":1}}' })],
    ['says a thing twice', () => signer.bundle({ ...files, 'data.json': '{"x":1,"x":2}' })],
    ['has no policy', () => signer.bundle({ '.manifest': '{"revision":"r1"}' })],
  ])('and %s is refused while the application starts', (_what, bundle) => {
    expect(() => open(bundle())).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('and white space in its data is no change', () => {
    const packed = { ...files, 'data.json': '{"limit":5}\n' }
    expect(open(signer.bundle(files, { packed })).revision?.()).toBe('r1')
  })

  it('unpacks to no more than is allowed', () => {
    const bundle = signer.bundle({ ...files, 'data.json': JSON.stringify({ pad: 'x'.repeat(100_000) }) })
    expect(() => opaWasm({ bundle, verification, maxBytes: 50_000 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })
})

describe('a newer bundle', () => {
  async function after(...bundles: readonly (() => Buffer)[]) {
    const left = [...bundles]
    const engine = opaWasm({ bundle: () => (left.shift() ?? fail)(), verification })
    await engine.ready?.()
    const results: string[] = []
    while (left.length > 0) results.push(await engine.reload())
    return [...results, engine.revision?.()]
  }
  const fail = (): Buffer => {
    throw new Error('the server is away')
  }
  const signed = (revision: string, iat: number) => (): Buffer =>
    signer.bundle(bundleFiles(revision), { claims: { iat } })

  it('takes over', async () => {
    expect(await after(signed('r1', 100), signed('r2', 200))).toEqual(['loaded', 'r2'])
  })

  it('that is the same is not loaded again', async () => {
    const same = signed('r1', 100)()
    expect(
      await after(
        () => same,
        () => same,
      ),
    ).toEqual(['unchanged', 'r1'])
  })

  it('that cannot be had, or verified, changes nothing', async () => {
    const forged = (): Buffer => createSigner().bundle(bundleFiles('r9'))
    expect(await after(signed('r1', 100), fail, forged, () => tarGz(bundleFiles('r8')))).toEqual([
      ...['failed', 'refused', 'refused', 'r1'],
    ])
  })

  it('that is older does not bring an old policy back', async () => {
    expect(await after(signed('r2', 200), signed('r1', 100))).toEqual(['refused', 'r2'])
  })

  it('that does not say when it was signed does not either', async () => {
    expect(await after(signed('r2', 200), () => signer.bundle(bundleFiles('r1')))).toEqual(['refused', 'r2'])
  })

  it('is awaited: until the first is there nothing passes', async () => {
    const engine = opaWasm({ bundle: signed('r1', 1), verification })
    const policy = consultPolicy(engine)
    const ask = async () => policy(aRequest({}), aCaller(), createTestEnvironment())
    await expect(ask()).rejects.toMatchObject({ code: 'policy_unavailable' })
    await policy.ready()
    await expect(ask()).rejects.toMatchObject({ code: 'policy_denied' })
  })

  it('must be as new as the application asks', () => {
    const bundle = signed('r1', 100)()
    expect(() => opaWasm({ bundle, verification: { ...verification, notBefore: 101 } })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })
})
