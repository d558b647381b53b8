import { createHash } from 'node:crypto'
import type { ClaimResult, Clock, Environment, ReplayClaim, ReplayStore } from '@countermark/core'

/** What the suite asks of a store. */
export interface StoreSettings {
  readonly clock: Clock
  readonly fence: 'default' | 'strict'
  readonly maxClaimsPerKey: number
}

/** Makes an empty store that remembers since `clock.wallMs()`. */
export type CreateStore = (settings: StoreSettings) => ReplayStore | Promise<ReplayStore>

const START_MS = 1_767_225_600_300
const START_SECOND = Math.floor(START_MS / 1000)

/** What every replay store promises, by a clock that the suite moves. */
export function describeReplayStore(name: string, createStore: CreateStore): void {
  describe(`${name} replay store`, () => {
    let wallMs: number
    let monotonicMs: number
    const opened: ReplayStore[] = []
    const clock: Clock = { wallMs: () => wallMs, monotonicMs: () => monotonicMs }
    const environment: Environment = {
      clock,
      verifier: { name: 'none', verify: () => false, verifyInThreadPool: async () => false },
      report: () => undefined,
      development: false,
      hidesAgents: false,
      service: () => 'api.example.com',
    }
    const advance = (seconds: number): void => {
      wallMs += seconds * 1000
      monotonicMs += seconds * 1000
    }
    const open = async (settings: Partial<StoreSettings> = {}): Promise<ReplayStore> => {
      const store = await createStore({ clock, fence: 'default', maxClaimsPerKey: 1000, ...settings })
      opened.push(store)
      return store
    }
    const claim = async (store: ReplayStore, changes: Partial<ReplayClaim> = {}): Promise<ClaimResult> =>
      store.claim(createClaim('a', changes), environment)

    beforeEach(() => {
      wallMs = START_MS
      monotonicMs = 1000
    })

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close?.()
    })

    it('names itself', async () => {
      expect((await open()).name).toMatch(/^[a-z_]+$/)
    })

    it('takes every claim again once it was cleared', async () => {
      const store = await open()
      expect(await claim(store)).toBe('claimed')
      await store.clear?.()
      expect([await claim(store), await claim(store)]).toEqual(['claimed', 'replayed'])
    })

    it('keeps the clock that it was given, whatever guard uses it', async () => {
      const store = await open()
      store.useClock?.({ wallMs: () => wallMs + 3_600_000, monotonicMs: () => monotonicMs })
      expect(await claim(store)).toBe('claimed')
    })

    it('accepts a claim once', async () => {
      const store = await open()
      expect(await claim(store)).toBe('claimed')
      expect(await claim(store)).toBe('replayed')
    })

    it('tells claims apart', async () => {
      const store = await open()
      expect(await claim(store, { id: idOf('one') })).toBe('claimed')
      expect(await claim(store, { id: idOf('two') })).toBe('claimed')
    })

    it('accepts one of a hundred claims made at once', async () => {
      const store = await open()
      const results = await Promise.all(Array.from({ length: 100 }, () => claim(store)))
      expect(results.filter((result) => result === 'claimed')).toHaveLength(1)
      expect(results.filter((result) => result === 'replayed')).toHaveLength(99)
    })

    it('remembers a claim until the very end of its proof', async () => {
      const store = await open()
      await claim(store, { acceptUntil: START_SECOND + 330 })
      wallMs = (START_SECOND + 330) * 1000
      expect(await claim(store, { acceptUntil: START_SECOND + 330 })).toBe('replayed')
    })

    it('vouches for nothing after the end of the proof', async () => {
      const store = await open()
      await claim(store)
      advance(100_000)
      expect(await claim(store)).not.toBe('claimed')
    })

    it('accepts what is signed in the second in which it started', async () => {
      expect(await claim(await open(), { created: START_SECOND })).toBe('claimed')
    })

    it('asks for proof of what was signed before it started', async () => {
      expect(await claim(await open(), { created: START_SECOND - 1 })).toBe('unproven')
    })

    it('accepts what was signed before it started when its own nonce is in it, once', async () => {
      const store = await open()
      const nonce = await issueNonce(store, environment)
      const old = { created: START_SECOND - 60, nonce }
      expect(await claim(store, old)).toBe('claimed')
      expect(await claim(store, old)).toBe('replayed')
    })

    it('issues nonces that are new, short and fit for a header field', async () => {
      const store = await open()
      const nonces = await Promise.all([issueNonce(store, environment), issueNonce(store, environment)])
      expect(new Set(nonces).size).toBe(2)
      expect(nonces.filter((nonce) => !/^[A-Za-z0-9_-]{22,128}$/.test(String(nonce)))).toEqual([])
    })

    it('does not recognise a nonce for ever', async () => {
      const store = await open()
      const nonce = await issueNonce(store, environment)
      advance(86_401)
      const acceptUntil = START_SECOND + 90_000
      expect(await claim(store, { created: START_SECOND - 1, acceptUntil, nonce })).toBe('unproven')
    })

    it('does not recognise a nonce that was changed', async () => {
      const store = await open()
      const nonce = await issueNonce(store, environment)
      const changed = `${nonce[0] === 'A' ? 'B' : 'A'}${nonce.slice(1)}`
      expect(await claim(store, { created: START_SECOND - 1, nonce: changed })).toBe('unproven')
    })

    it('asks, when strict, for proof of what is dated up to the skew after its start', async () => {
      const store = await open({ fence: 'strict' })
      expect(await claim(store, { id: idOf('at skew'), created: START_SECOND + 30 })).toBe('unproven')
      expect(
        await claim(store, { id: idOf('past'), created: START_SECOND + 31, acceptUntil: START_SECOND + 331 }),
      ).toBe('claimed')
      const nonce = await issueNonce(store, environment)
      expect(await claim(store, { id: idOf('with nonce'), nonce })).toBe('claimed')
    })

    it('limits the live claims of one key, and of that key only', async () => {
      const store = await open({ maxClaimsPerKey: 3 })
      for (const id of ['1', '2', '3']) expect(await claim(store, { id: idOf(id) })).toBe('claimed')
      expect(await claim(store, { id: idOf('4') })).toBe('over_quota')
      expect(await claim(store, { id: idOf('5'), thumbprint: 'another key' })).toBe('claimed')
    })

    it('gives a key new room when its claims have ended', async () => {
      const store = await open({ maxClaimsPerKey: 1 })
      await claim(store, { id: idOf('old') })
      advance(400)
      const created = START_SECOND + 400
      expect(await claim(store, { id: idOf('new'), created, acceptUntil: created + 300 })).toBe('claimed')
    })
  })
}

function createClaim(id: string, changes: Partial<ReplayClaim>): ReplayClaim {
  return {
    id: idOf(id),
    thumbprint: 'a key',
    created: START_SECOND,
    acceptUntil: START_SECOND + 300,
    nonce: 'a nonce of the agent',
    ...changes,
  }
}

function idOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

async function issueNonce(store: ReplayStore, environment: Environment): Promise<string> {
  const nonce = store.issueNonce(environment)
  if (nonce === undefined) throw new Error('the store issued no nonce')
  return nonce
}
