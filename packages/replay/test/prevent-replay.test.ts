import {
  type AgentRequest,
  type ClaimResult,
  createHeaderFields,
  type FreshnessFact,
  isRefusal,
  isUnavailable,
  type ProofFact,
  type Refusal,
  type ReplayClaim,
  type ReplayStore,
  Unavailable,
} from '@countermark/core'
import { memoryReplayStore, type PreventReplayOptions, preventReplay } from '../src/index.ts'
import { createFakeClock, createFakeEnvironment, NOON_MS } from './fake-environment.ts'

const NOON = NOON_MS / 1000

function aProof(changes: Partial<ProofFact> = {}): ProofFact {
  return {
    scheme: 'httpsig',
    keyId: 'key-1',
    thumbprint: 'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U',
    algorithm: 'ed25519',
    created: NOON,
    acceptUntil: NOON + 300,
    nonce: 'b3k2pp5k7z-50gnwp.yemd',
    baseHash: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    label: 'sig1',
    tag: 'agent-auth',
    signed: { base: new Uint8Array(), signature: new Uint8Array() },
    covers: () => true,
    ...changes,
  }
}

function aRequest(method = 'POST'): AgentRequest {
  return {
    method,
    target: '/orders',
    path: '/orders',
    query: undefined,
    scheme: 'https',
    authority: 'api.example.com',
    headers: createHeaderFields([]),
    remoteAddress: undefined,
    hasBody: false,
    contentLength: undefined,
    body: () => new Uint8Array(),
    route: () => ({ template: undefined, parameters: {} }),
    raw: {},
  }
}

function answering(answer: (claim: ReplayClaim) => ClaimResult | Promise<ClaimResult>): ReplayStore {
  return { name: 'stub', claim: answer, issueNonce: () => 'issued' }
}

function failing(error: Error): ReplayStore {
  return answering(() => {
    throw error
  })
}

const down = new Unavailable('replay_store_unavailable', 'replay', 'Redis does not answer')

/** What the check says about a POST, or about another method. */
async function check(
  options: PreventReplayOptions,
  method?: string,
  proof = aProof(),
): Promise<FreshnessFact | Refusal> {
  const environment = createFakeEnvironment(createFakeClock())
  try {
    return (await preventReplay(options)(aRequest(method), { proof }, environment)).freshness
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

describe('preventReplay', () => {
  it('accepts a proof once, at once with a store that answers at once', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const run = preventReplay({ store: memoryReplayStore({ clock }) })
    const freshness = { store: 'memory', state: 'claimed', claimedUntil: NOON + 300 }
    expect(run(aRequest(), { proof: aProof() }, environment)).toEqual({ freshness })
    expect(() => run(aRequest(), { proof: aProof() }, environment)).toThrow(
      expect.objectContaining({ code: 'replay_detected' }),
    )
  })

  it('claims from the proof and from nothing else', async () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const run = preventReplay({ store: memoryReplayStore({ clock }) })
    await run(aRequest('POST'), { proof: aProof({ label: 'sig1' }) }, environment)
    expect(() => run(aRequest('PUT'), { proof: aProof({ label: 'sig2' }) }, environment)).toThrow('seen before')
  })

  it.each([
    ['replayed', 'replay_detected', undefined],
    ['unproven', 'freshness_unproven', undefined],
    ['over_quota', 'rate_limited', 10],
    ['full', 'replay_store_unavailable', 1],
  ] as const)('answers %s with %s', async (result, code, retryAfterSeconds) => {
    expect(await check({ store: answering(() => result) })).toMatchObject({ code, retryAfterSeconds })
    expect(await check({ store: answering(async () => result) })).toMatchObject({ code, retryAfterSeconds })
  })

  it('refuses every method when the store cannot answer', async () => {
    for (const store of [failing(down), answering(() => Promise.reject(down))]) {
      expect(await check({ store }, 'GET')).toBe(down)
      expect(await check({ store }, 'POST')).toBe(down)
    }
  })

  it('refuses when a store breaks in a way of its own, and keeps the cause', async () => {
    const error = new Error('ECONNREFUSED')
    const refusal = await check({ store: failing(error) })
    expect(isUnavailable(refusal) && refusal.dependency).toBe('replay')
    expect(refusal).toMatchObject({ code: 'replay_store_unavailable', cause: error })
  })

  it('refuses when a store answers with a word that it does not know', async () => {
    const store = answering(() => JSON.parse('"OK"'))
    expect(await check({ store })).toMatchObject({ code: 'replay_store_unavailable' })
  })

  it('lets only safe methods pass without a store, if told to, and says that nothing was checked', async () => {
    const options: PreventReplayOptions = { store: failing(down), onStoreUnavailable: 'allow-safe-methods' }
    const unchecked = { store: 'stub', state: 'unchecked', claimedUntil: undefined }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(await check(options, method)).toEqual(unchecked)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'get'])
      expect(await check(options, method)).toBe(down)
  })

  it('lets no safe method pass that a store refuses', async () => {
    for (const result of ['replayed', 'unproven', 'over_quota', 'full'] as const) {
      const options: PreventReplayOptions = { store: answering(() => result), onStoreUnavailable: 'allow-safe-methods' }
      expect(isRefusal(await check(options, 'GET'))).toBe(true)
    }
  })

  it('claims nothing once the proof has ended, however long the body took', async () => {
    const store = answering(() => 'claimed')
    expect(await check({ store }, 'POST', aProof({ acceptUntil: NOON }))).toMatchObject({ state: 'claimed' })
    expect(await check({ store }, 'POST', aProof({ acceptUntil: NOON - 1 }))).toMatchObject({
      code: 'signature_expired',
    })
    expect(await check({ store }, 'POST', aProof({ acceptUntil: Number.NaN }))).toMatchObject({
      code: 'signature_expired',
    })
  })

  it('hands a claim on that can be copied and sent elsewhere', async () => {
    const claims: ReplayClaim[] = []
    const store = answering((claim) => {
      claims.push(claim)
      return 'claimed'
    })
    await check({ store })
    const [claim] = claims
    expect({ ...claim }).toEqual({
      id: expect.any(Uint8Array),
      thumbprint: aProof().thumbprint,
      created: NOON,
      acceptUntil: NOON + 300,
      nonce: aProof().nonce,
    })
    expect(claim?.id).toHaveLength(32)
    expect(structuredClone(claim)).toEqual({ ...claim, id: new Uint8Array(claim?.id ?? []) })
    expect(Buffer.from(JSON.parse(JSON.stringify(claim)).id)).toEqual(claim?.id)
  })

  it.each<readonly [string, (claim: ReplayClaim) => ReplayClaim]>([
    ['a spread copy', (claim) => ({ ...claim })],
    ['a clone', (claim) => structuredClone(claim)],
    ['JSON', (claim) => ({ ...claim, id: Buffer.from(JSON.parse(JSON.stringify(claim)).id) })],
    ['bytes alone', (claim) => ({ ...claim, id: Uint8Array.from(claim.id) })],
  ])('knows a claim again that another store handed on as %s', async (_how, handOn) => {
    const memory = memoryReplayStore({ clock: createFakeClock() })
    const behind: ReplayStore = { ...memory, claim: (claim, environment) => memory.claim(handOn(claim), environment) }
    expect(await check({ store: behind })).toMatchObject({ state: 'claimed' })
    expect(await check({ store: memory })).toMatchObject({ code: 'replay_detected' })
    const other = aProof({ nonce: undefined })
    expect(await check({ store: memory }, 'POST', other)).toMatchObject({ state: 'claimed' })
    expect(await check({ store: behind }, 'POST', other)).toMatchObject({ code: 'replay_detected' })
  })

  it('counts answers by result', async () => {
    const environment = createFakeEnvironment(createFakeClock())
    await preventReplay({ store: answering(() => 'claimed') })(aRequest(), { proof: aProof() }, environment)
    const labels = { store: 'stub', result: 'claimed' }
    expect(environment.measurements).toEqual([{ name: 'replay_claims_total', kind: 'counter', value: 1, labels }])
  })

  it('tells the guard what it needs, what it adds and which nonces it will recognise', () => {
    const { description } = preventReplay({ store: answering(() => 'claimed') })
    expect(description).toMatchObject({ name: 'preventReplay', needs: ['proof'], adds: ['freshness'] })
    expect(description?.issueNonce?.(createFakeEnvironment(createFakeClock()))).toBe('issued')
  })

  it('needs a store, and knows its options', () => {
    expect(() => preventReplay(JSON.parse('{}'))).toThrow(expect.objectContaining({ code: 'ERR_OPTION_MISSING' }))
    const store = answering(() => 'claimed')
    const options = { store, onStoreUnavailable: JSON.parse('"allow"') }
    expect(() => preventReplay(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

describe('an attacker', () => {
  const accepts = async (first: Partial<ProofFact>, second: Partial<ProofFact>): Promise<boolean> => {
    const store = memoryReplayStore({ clock: createFakeClock() })
    await check({ store }, 'POST', aProof(first))
    return !isRefusal(await check({ store }, 'POST', aProof(second)))
  }

  it('cannot replay a request that has no nonce', async () => {
    expect(await accepts({ nonce: undefined }, { nonce: undefined })).toBe(false)
  })

  it('cannot use one nonce for two requests of a key', async () => {
    expect(await accepts({ baseHash: 'one' }, { baseHash: 'two' })).toBe(false)
  })

  it('cannot use up the nonce of another key', async () => {
    expect(await accepts({ thumbprint: 'theirs' }, { thumbprint: 'ours' })).toBe(true)
  })

  it('cannot move characters between the parts of a claim', async () => {
    expect(await accepts({ thumbprint: 'ab', nonce: 'c' }, { thumbprint: 'a', nonce: 'bc' })).toBe(true)
    expect(await accepts({ nonce: undefined, baseHash: 'same' }, { nonce: 'same' })).toBe(true)
    expect(await accepts({ scheme: 'simple-v1' }, { scheme: 'httpsig' })).toBe(true)
  })
})
