import { memoryReplayStore } from '@countermark/replay'
import type { DpopOptions } from '../src/index.ts'
import { createDpopProver, type ProofInput } from './dpop-prover.ts'
import { useOneIssuer } from './one-issuer.ts'
import { type CallInput, createTokenCaller, type TokenCaller } from './token-call.ts'
import { type Members, NOW } from './token-issuer.ts'

const { issuer } = useOneIssuer()
const prover = createDpopProver()
const { thumbprint } = prover

interface Bench {
  readonly caller: TokenCaller
  readonly token: string
  /** Presents the token with a proof. */
  readonly ask: (proof?: Partial<ProofInput>, more?: Partial<CallInput>) => Promise<string>
}

async function createBench(
  options: Partial<DpopOptions> = {},
  store: Parameters<typeof memoryReplayStore>[0] = {},
): Promise<Bench> {
  const { clock } = createTokenCaller([issuer()])
  const memory = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true, ...store })
  const caller = createTokenCaller([issuer()], { dpop: { store: memory, ...options } })
  const token = await issuer().mint({ cnf: { jkt: thumbprint } })
  const ask: Bench['ask'] = async (proof = {}, more = {}) => {
    const text = await prover.prove({ token, at: NOW, ...proof })
    return caller.codeOf({ token, scheme: 'DPoP', headers: [['DPoP', text]], ...more })
  }
  return { caller, token, ask }
}

async function codeOf(proof: Partial<ProofInput>, more: Partial<CallInput> = {}): Promise<string> {
  return (await createBench()).ask(proof, more)
}

function claims(members: Members): Partial<ProofInput> {
  return { claims: members }
}

function header(members: Members): Partial<ProofInput> {
  return { header: members }
}

describe('a DPoP proof', () => {
  it('may be made with Ed25519 or ES256', async () => {
    const es256 = createDpopProver('P-256')
    const { caller } = await createBench()
    const token = await issuer().mint({ cnf: { jkt: es256.thumbprint } })
    const headers = [['DPoP', await es256.prove({ token, at: NOW })]] as const
    expect(await caller.codeOf({ token, scheme: 'dpop', headers })).toBe('accepted')
    expect(await codeOf(header({ alg: 'Ed25519' }))).toBe('accepted')
  })

  it.each<readonly [string, Partial<ProofInput>]>([
    ['another type', header({ typ: 'JWT' })],
    ['no key', header({ jwk: undefined })],
    ['a key that is a string', header({ jwk: 'x' })],
    ['a private key', header({ jwk: { ...prover.jwk, d: 'AAAA' } })],
    ['a kid that is no string', header({ kid: 7 })],
    ['another method', claims({ htm: 'POST' })],
    ['a method in lower case', claims({ htm: 'get' })],
    ['no method', claims({ htm: undefined })],
    ['another path', claims({ htu: 'https://api.example.com/refunds' })],
    ['a trailing slash', claims({ htu: 'https://api.example.com/orders/' })],
    ['another host', claims({ htu: 'https://evil.example/orders' })],
    ['http', claims({ htu: 'http://api.example.com/orders' })],
    ['a bare path', claims({ htu: '/orders' })],
    ['a list', claims({ htu: ['https://api.example.com/orders'] })],
    ['no iat', claims({ iat: undefined })],
    ['an iat in text', claims({ iat: String(NOW) })],
    ['an iat beyond all', claims({ iat: 1e300 })],
    ['no jti', claims({ jti: undefined })],
    ['an empty jti', claims({ jti: '' })],
    ['a jti in numbers', claims({ jti: 7 })],
    ['a jti without end', claims({ jti: 'x'.repeat(257) })],
    ['a nonce that is no string', claims({ nonce: 7 })],
    ['an old date', { at: NOW - 61 }],
    ['a date ahead', { at: NOW + 31 }],
    ['the signature of another key', { signWith: createDpopProver().privateKey }],
  ])('with %s is refused', async (_what, proof) => {
    expect(await codeOf(proof)).toBe('dpop_proof_invalid')
  })

  it.each<readonly [string, Partial<ProofInput>]>([
    ['without the hash of the token', claims({ ath: undefined })],
    ['with the hash of another token', claims({ ath: 'x'.repeat(43) })],
  ])('%s proves nothing about it (A11)', async (_what, proof) => {
    expect(await codeOf(proof)).toBe('token_binding_mismatch')
  })

  it('is compared with the URL in its normal form', async () => {
    expect(await codeOf(claims({ htu: 'HTTPS://API.example.com:443/%6Frders?x=1#y' }))).toBe('accepted')
    expect(await codeOf({}, { request: { url: 'https://api.example.com/orders?page=2' } })).toBe('accepted')
    const dotted = { request: { url: 'https://api.example.com/a/../orders' } }
    expect(await codeOf({}, dotted)).toBe('dpop_proof_invalid')
  })

  it('may be as old as the window, and as far ahead as the skew', async () => {
    expect(await codeOf({ at: NOW - 60 })).toBe('accepted')
    expect(await codeOf({ at: NOW + 30 })).toBe('accepted')
  })

  it('may be no longer than 4 KB', async () => {
    expect(await codeOf(claims({ pad: 'x'.repeat(4096) }))).toBe('dpop_proof_invalid')
  })
})

describe('an attacker with a captured proof', () => {
  it('cannot use it again', async () => {
    const { ask } = await createBench()
    expect(await ask(claims({ jti: 'once' }))).toBe('accepted')
    expect(await ask(claims({ jti: 'once' }))).toBe('replay_detected')
    expect(await ask(claims({ jti: 'twice' }))).toBe('accepted')
  })

  it("cannot burn another client's jti (A14)", async () => {
    const { caller, ask } = await createBench()
    const mallory = createDpopProver()
    const token = await issuer().mint({ cnf: { jkt: mallory.thumbprint } })
    const proof = await mallory.prove({ token, at: NOW, claims: { jti: 'shared' } })
    expect(await caller.codeOf({ token, scheme: 'DPoP', headers: [['DPoP', proof]] })).toBe('accepted')
    expect(await ask(claims({ jti: 'shared' }))).toBe('accepted')
    expect(await ask(claims({ jti: 'shared' }))).toBe('replay_detected')
  })

  it("cannot use a key that is known with another client's token", async () => {
    const { caller, ask } = await createBench()
    expect(await ask()).toBe('accepted')
    const token = await issuer().mint({ cnf: { jkt: createDpopProver().thumbprint } })
    const proof = await prover.prove({ token, at: NOW })
    expect(await caller.codeOf({ token, scheme: 'DPoP', headers: [['DPoP', proof]] })).toBe('token_binding_mismatch')
  })

  it('cannot burn a jti with a proof that does not hold', async () => {
    const { ask } = await createBench()
    expect(await ask({ claims: { jti: 'a' }, signWith: createDpopProver().privateKey })).toBe('dpop_proof_invalid')
    expect(await ask(claims({ jti: 'a' }))).toBe('accepted')
  })
})

describe('nonces', () => {
  /** What the challenge offers. */
  async function offered({ caller, token }: Bench): Promise<string> {
    const text = await prover.prove({ token, at: NOW })
    const { nonce } = await caller.refuse({ token, scheme: 'DPoP', headers: [['DPoP', text]] })
    return nonce ?? 'none'
  }

  it('are asked for where they are required, and accepted while young', async () => {
    const bench = await createBench({ nonce: 'required' })
    expect(await bench.ask()).toBe('dpop_nonce_required')
    const nonce = await offered(bench)
    expect(await bench.ask(claims({ nonce }))).toBe('accepted')
    expect(await bench.ask(claims({ nonce: `x${nonce}` }))).toBe('dpop_nonce_required')
    bench.caller.clock.advance(301_000)
    expect(await bench.ask(claims({ nonce }))).toBe('dpop_nonce_required')
  })

  it("stand for the caller's clock", async () => {
    const bench = await createBench({ nonce: 'required' })
    expect(await bench.ask({ at: NOW - 86_400, ...claims({ nonce: await offered(bench) }) })).toBe('accepted')
  })

  it('of other processes are known by a shared secret', async () => {
    const nonceSecret = Buffer.alloc(32, 7)
    const [one, two] = [await createBench({ nonce: 'required', nonceSecret }), await createBench({ nonce: 'required' })]
    const third = await createBench({ nonce: 'required', nonceSecret })
    const nonce = await offered(one)
    expect(await two.ask(claims({ nonce }))).toBe('dpop_nonce_required')
    expect(await third.ask(claims({ nonce }))).toBe('accepted')
  })

  it.each(['optional', 'required'] as const)(
    'get a proof through that was made before the store began to remember: %s',
    async (nonce) => {
      const bench = await createBench({ nonce }, { startedAt: NOW * 1000 + 5_000 })
      bench.caller.clock.advance(6_000)
      expect(await bench.ask()).toBe('dpop_nonce_required')
      expect(await bench.ask(claims({ nonce: await offered(bench) }))).toBe('accepted')
    },
  )
})

describe('options of DPoP', () => {
  const store = memoryReplayStore({ allowSingleProcess: true })

  it.each<readonly [string, object]>([
    ['store', {}],
    ['algorithms', { store, algorithms: ['HS256'] }],
    ['algorithms', { store, algorithms: [] }],
    ['nonceSecret', { store, nonceSecret: Buffer.alloc(31) }],
    ['nonce', { store, nonce: 'sometimes' }],
    ['maxAgeSeconds', { store, maxAgeSeconds: 301 }],
    ['maxAge', { store, maxAge: 60 }],
  ])('are checked at start: %s', (name, options) => {
    expect(() => createTokenCaller([issuer()], { dpop: options as DpopOptions })).toThrow(name)
  })
})
