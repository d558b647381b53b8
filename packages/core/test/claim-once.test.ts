import { createTestEnvironment } from '@countermark/testing'
import { type ClaimResult, Refusal, type ReplayClaim, type ReplayStore, Unavailable } from '../src/index.ts'
import { type ClaimAnswer, claimOnce, refusalOf } from '../src/internal.ts'

const environment = createTestEnvironment()
const REFUSALS = {
  replayed: () => new Refusal('replay_detected', 'used before'),
  unproven: () => new Refusal('freshness_unproven', 'too old'),
}

function aClaim(id: number): ReplayClaim {
  return { id: new Uint8Array(32).fill(id), thumbprint: 'key', created: 0, acceptUntil: 60, nonce: undefined }
}

function storeOf(claim: (claim: ReplayClaim) => unknown): ReplayStore {
  return { name: 'own', claim: claim as ReplayStore['claim'], issueNonce: () => undefined }
}

/** Counts how often it is asked. */
function countingStore(isLate = false): ReplayStore & { readonly asked: number } {
  const seen = new Set<string>()
  let asked = 0
  const claim = ({ id }: ReplayClaim): ClaimResult | Promise<ClaimResult> => {
    asked++
    const name = id.join()
    const result = seen.has(name) ? 'replayed' : 'claimed'
    seen.add(name)
    return isLate ? Promise.resolve(result) : result
  }
  return {
    ...storeOf(claim),
    get asked() {
      return asked
    },
  }
}

function codeOf(answer: ClaimAnswer): string {
  return refusalOf(answer, REFUSALS)?.code ?? 'claimed'
}

describe('claimOnce', () => {
  it.each<readonly [string, () => unknown]>([
    ['throws an error', () => toThrow(new Error('ECONNREFUSED'))],
    ['throws nothing', () => toThrow(undefined)],
    ['throws a refusal', () => toThrow(new Refusal('key_unknown', 'not of a store'))],
    ['blames something else', () => toThrow(new Unavailable('key_source_unavailable', 'keys', 'not of a store'))],
    ['says that it is unavailable', () => toThrow(new Unavailable('replay_store_unavailable', 'replay', 'down'))],
    ['rejects', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['rejects with a refusal', () => Promise.reject(new Refusal('key_unknown', 'not of a store'))],
    ['says yes', () => true],
    ['says nothing', () => undefined],
    ['says another word', () => 'ok'],
    ['says another word late', async () => 'CLAIMED'],
    ['answers with an object', () => ({ result: 'claimed' })],
    ['has no room', () => 'full'],
  ])('means 503 when a store %s', async (_what, claim) => {
    const answer = await claimOnce(storeOf(claim), aClaim(1), environment, {})
    expect(refusalOf(answer, REFUSALS)).toMatchObject({
      code: 'replay_store_unavailable',
      dependency: 'replay',
      retryAfterSeconds: 1,
    })
  })

  it.each<readonly [ClaimResult, string]>([
    ['claimed', 'claimed'],
    ['replayed', 'replay_detected'],
    ['unproven', 'freshness_unproven'],
    ['over_quota', 'rate_limited'],
  ])('answers %s at once, or late where the store is', async (result, code) => {
    expect(
      claimOnce(
        storeOf(() => result),
        aClaim(1),
        environment,
      ),
    ).toBe(result)
    expect(
      codeOf(
        await claimOnce(
          storeOf(async () => result),
          aClaim(1),
          environment,
        ),
      ),
    ).toBe(code)
  })

  it.each([false, true])('takes one claim of one message again, and asks once (late: %s)', async (isLate) => {
    const store = countingStore(isLate)
    const raw = {}
    expect(await claimOnce(store, aClaim(1), environment, raw)).toBe('claimed')
    expect(await claimOnce(store, aClaim(1), environment, raw)).toBe('claimed')
    expect(store.asked).toBe(1)
  })

  it('takes one claim of one message from two guards that ask at the same time', async () => {
    const store = countingStore(true)
    const raw = {}
    const ask = (): ReturnType<typeof claimOnce> => claimOnce(store, aClaim(1), environment, raw)
    expect(await Promise.all([ask(), ask()])).toEqual(['claimed', 'claimed'])
  })

  it('asks each store, and for each claim', async () => {
    const [store, other] = [countingStore(), countingStore()]
    const raw = {}
    for (const id of [1, 2, 1, 2]) await claimOnce(store, aClaim(id), environment, raw)
    await claimOnce(other, aClaim(1), environment, raw)
    expect([store.asked, other.asked]).toEqual([2, 1])
  })

  it('remembers no claim that failed', () => {
    const raw = {}
    const answers: ClaimResult[] = ['full', 'claimed']
    const store = storeOf(() => answers.shift())
    expect(codeOf(claimOnce(store, aClaim(1), environment, raw) as ClaimAnswer)).toBe('replay_store_unavailable')
    expect(claimOnce(store, aClaim(1), environment, raw)).toBe('claimed')
  })

  it('works on a request that cannot be changed', () => {
    const store = countingStore()
    const raw = Object.freeze({})
    expect([1, 1].map((id) => claimOnce(store, aClaim(id), environment, raw))).toEqual(['claimed', 'claimed'])
  })
})

describe('an attacker', () => {
  it('cannot use a claim of another message', () => {
    const store = countingStore()
    expect(claimOnce(store, aClaim(1), environment, {})).toBe('claimed')
    expect(claimOnce(store, aClaim(1), environment, {})).toBe('replayed')
    expect(claimOnce(store, aClaim(1), environment)).toBe('replayed')
  })

  it('cannot make one message remember without end', async () => {
    const store = countingStore()
    const raw = {}
    for (let id = 1; id <= 20; id++) await claimOnce(store, aClaim(id), environment, raw)
    expect(claimOnce(store, aClaim(20), environment, raw)).toBe('claimed')
    expect(claimOnce(store, aClaim(1), environment, raw)).toBe('replayed')
  })
})

function toThrow(error: unknown): never {
  throw error
}
