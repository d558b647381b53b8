import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import type { AnswerStore, KeptAnswer, KeyedRequest, KeyState } from '../src/answer-store.ts'

/** Stores of one kind, and what they need. */
export interface AnswerStoreUnderTest {
  /** A store that knows no key. */
  readonly createStore: (options?: {
    readonly maxKeysPerAgent?: number
    readonly maxBytesPerAgent?: number
  }) => AnswerStore & {
    readonly clear: () => void | Promise<void>
  }
  readonly close: () => Promise<void>
}

const ANSWER: KeptAnswer = {
  status: 201,
  headers: [
    ['content-type', 'application/json'],
    ['vary', ['a', 'b']],
  ],
  body: Buffer.from([0, 1, 255, 128]),
}

/** What every store of answers promises. */
export function describeAnswerStore(name: string, open: () => Promise<AnswerStoreUnderTest>): void {
  describe(`a store of answers: ${name}`, () => {
    let opened: AnswerStoreUnderTest
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(async () => opened.close())

    function startWith(options?: Parameters<AnswerStoreUnderTest['createStore']>[0]) {
      const environment = createTestEnvironment({ clock: createFakeClock() })
      const store = opened.createStore(options)
      const begin = async (request: Partial<KeyedRequest> = {}): Promise<KeyState> =>
        store.begin({ id: 'k', fingerprint: 'f', agentId: 'agt_a', ...request }, environment)
      return { begin, store }
    }
    const start = () => startWith().begin

    async function first(begin: ReturnType<typeof start>): Promise<Extract<KeyState, { state: 'first' }>> {
      const state = await begin()
      if (state.state !== 'first') throw new Error(`expected to be the first, and it is ${state.state}`)
      return state
    }

    it('lets one begin, and tells the others', async () => {
      const begin = start()
      await first(begin)
      expect((await begin()).state).toBe('running')
      expect((await begin({ fingerprint: 'g' })).state).toBe('reused')
      expect((await begin({ id: 'other' })).state).toBe('first')
    })

    it('gives the answer, byte for byte', async () => {
      const begin = start()
      const { finish } = await first(begin)
      await finish(ANSWER)
      const state = await begin()
      expect(state).toMatchObject({ state: 'answered', answer: { status: 201, headers: ANSWER.headers } })
      expect(state.state === 'answered' && Buffer.from(state.answer.body)).toEqual(ANSWER.body)
      expect((await begin({ fingerprint: 'g' })).state).toBe('reused')
    })

    it('remembers that there was an answer that is too large', async () => {
      const begin = start()
      await (await first(begin)).finish(undefined)
      expect((await begin()).state).toBe('unkept')
    })

    it('frees a key for which nothing was done', async () => {
      const begin = start()
      await (await first(begin)).abandon()
      expect((await begin({ fingerprint: 'g' })).state).toBe('first')
    })

    it("changes nothing that is another request's by now", async () => {
      const begin = start()
      const before = await first(begin)
      await before.abandon()
      await (await first(begin)).finish(ANSWER)
      await before.abandon()
      await before.finish(undefined)
      expect((await begin()).state).toBe('answered')
    })

    it('lets no agent take more keys than its own', async () => {
      const { begin } = startWith({ maxKeysPerAgent: 2 })
      const states = [await begin({ id: 'a' }), await begin({ id: 'b' }), await begin({ id: 'c' })]
      expect(states.map(({ state }) => state)).toEqual(['first', 'first', 'over_quota'])
      expect((await begin({ id: 'a' })).state).toBe('running')
      expect((await begin({ id: 'd', agentId: 'agt_b' })).state).toBe('first')
    })

    it('gives a key back that was freed', async () => {
      const { begin } = startWith({ maxKeysPerAgent: 1 })
      const before = await begin({ id: 'a' })
      if (before.state === 'first') await before.abandon()
      expect((await begin({ id: 'b' })).state).toBe('first')
    })

    it('keeps no more bytes for an agent than its own, and those of others all the same', async () => {
      const { begin } = startWith({ maxBytesPerAgent: 900 })
      for (const [id, agentId] of [
        ['a', 'agt_a'],
        ['b', 'agt_a'],
        ['c', 'agt_b'],
      ] as const) {
        const state = await begin({ id, agentId })
        if (state.state === 'first') await state.finish({ status: 200, headers: [], body: Buffer.alloc(500) })
      }
      const states = [await begin({ id: 'a' }), await begin({ id: 'b' }), await begin({ id: 'c', agentId: 'agt_b' })]
      expect(states.map(({ state }) => state)).toEqual(['answered', 'unkept', 'answered'])
    })

    it('can be emptied', async () => {
      const { begin, store } = startWith({ maxKeysPerAgent: 1 })
      await begin()
      await store.clear()
      expect((await begin()).state).toBe('first')
    })

    it('lets one of a hundred begin', async () => {
      const begin = start()
      const states = await Promise.all(Array.from({ length: 100 }, () => begin()))
      expect(states.filter(({ state }) => state === 'first')).toHaveLength(1)
    })
  })
}
