import type { ReplayStore } from '@countermark/core'

/** A replay store that forgets each claim when it says it may. */
export function createEndingStore(): ReplayStore {
  const ends = new Map<string, number>()
  return {
    name: 'ending',
    claim: ({ id, acceptUntil }, { clock }) => {
      const name = Buffer.from(id).toString('hex')
      if ((ends.get(name) ?? 0) * 1000 >= clock.wallMs()) return 'replayed'
      ends.set(name, acceptUntil)
      return 'claimed'
    },
    issueNonce: () => undefined,
  }
}
