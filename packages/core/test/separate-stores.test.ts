import { defineCheck, type ReplayStore } from '../src/index.ts'
import { aFactory, type aGuard, anAgent } from './guarding.ts'

function aStore(name: string): ReplayStore {
  return { name, claim: () => 'claimed', issueNonce: () => undefined }
}

function claimingIn(store: ReplayStore): Parameters<typeof aGuard>[0][number] {
  return defineCheck({ name: 'preventReplay', needs: [], adds: ['agent'], replayStore: store }, () => ({
    agent: anAgent(),
  }))
}

function warningsOf(...stores: readonly ReplayStore[]): readonly unknown[] {
  const warn = jest.spyOn(process, 'emitWarning').mockReturnValue()
  const compose = aFactory()
  for (const store of stores) compose([claimingIn(store)])
  const codes = warn.mock.calls.map(([, options]) => (options as { readonly code?: string }).code)
  warn.mockRestore()
  return codes
}

describe('guards of one factory', () => {
  it('are warned of once when each claims in a memory of its own', () => {
    expect(warningsOf(aStore('memory'), aStore('memory'), aStore('memory'))).toEqual(['separate_replay_stores'])
  })

  it('are warned of when one claims in memory and one in Redis', () => {
    expect(warningsOf(aStore('redis'), aStore('memory'))).toEqual(['separate_replay_stores'])
  })

  it('are not warned of with one store, or with stores that may share what is behind them', () => {
    const store = aStore('memory')
    expect(warningsOf(store, store)).toEqual([])
    expect(warningsOf(aStore('redis'), aStore('redis'))).toEqual([])
  })
})
