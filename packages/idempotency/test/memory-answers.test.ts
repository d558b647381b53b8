import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import { memoryAnswers } from '../src/memory-answers.ts'
import { describeAnswerStore } from './describe-answer-store.ts'

describeAnswerStore('memory', async () => ({
  createStore: (options) => memoryAnswers(options),
  close: async () => undefined,
}))

function start(options: Parameters<typeof memoryAnswers>[0]) {
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock })
  const store = memoryAnswers(options)
  const begin = async (id: string, agentId = 'agt_a') => store.begin({ id, fingerprint: 'f', agentId }, environment)
  return { clock, begin }
}

describe('memoryAnswers', () => {
  it('forgets a key when its time is over, and not before', async () => {
    const { clock, begin } = start({ keepSeconds: 60 })
    await begin('k')
    clock.advance(59_999)
    expect((await begin('k')).state).toBe('running')
    clock.advance(1)
    expect((await begin('k')).state).toBe('first')
  })

  it('has room for so many keys, and makes none by forgetting live ones', async () => {
    const { clock, begin } = start({ maxKeys: 2, keepSeconds: 60 })
    const states = [await begin('a'), await begin('b'), await begin('c'), await begin('a')].map(({ state }) => state)
    expect(states).toEqual(['first', 'first', 'full', 'running'])
    clock.advance(60_000)
    expect((await begin('c')).state).toBe('first')
  })

  it('lets no agent take it all', async () => {
    const { clock, begin } = start({ maxKeysPerAgent: 1, keepSeconds: 60 })
    const states = [await begin('a'), await begin('b'), await begin('c', 'agt_other')].map(({ state }) => state)
    expect(states).toEqual(['first', 'over_quota', 'first'])
    clock.advance(60_000)
    expect((await begin('b')).state).toBe('first')
  })

  it('keeps so many bytes, and of what is beyond only that it was', async () => {
    const { begin } = start({ maxBytes: 10 })
    for (const id of ['a', 'b']) {
      const state = await begin(id)
      if (state.state === 'first') await state.finish({ status: 200, headers: [], body: Buffer.alloc(8) })
    }
    expect([(await begin('a')).state, (await begin('b')).state]).toEqual(['answered', 'unkept'])
  })

  it('gives bytes back when answers end', async () => {
    const { clock, begin } = start({ maxBytes: 10, keepSeconds: 60 })
    for (const id of ['a', 'b', 'c']) {
      const state = await begin(id)
      if (state.state === 'first') await state.finish({ status: 200, headers: [], body: Buffer.alloc(8) })
      expect((await begin(id)).state).toBe('answered')
      clock.advance(60_000)
    }
  })
})

describe('memoryAnswers that cannot work', () => {
  it.each([
    [() => memoryAnswers({ allowSingleProcess: 'yes' as never })],
    [() => memoryAnswers({ keepSeconds: Number.NaN })],
    [() => memoryAnswers({ maxKey: 1 } as never)],
  ])('does not start: %s', (create) => {
    expect(create).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
  })
})
