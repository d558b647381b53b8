import type { IdentityStore } from '@countermark/client'

/** Where a process dies: before or after its n-th request to the authority, or its n-th write to the store. */
export interface Cut {
  readonly what: string
  readonly at: 'request' | 'write'
  readonly when: 'before' | 'after'
  readonly number: number
  /** Nothing was kept. */
  readonly isBeforeAnything: boolean
}

/** Every place where a process can die that makes so many requests and writes. */
export function cuts({ requests, writes }: { readonly requests: number; readonly writes: number }): readonly Cut[] {
  const places = [
    ...Array.from({ length: requests }, (_, index) => ['request', index + 1] as const),
    ...Array.from({ length: writes }, (_, index) => ['write', index + 1] as const),
  ]
  return places.flatMap(([at, number]) =>
    (['before', 'after'] as const).map((when) => ({
      ...{ what: `${when} ${at} ${number}`, at, when, number },
      isBeforeAnything: at === 'write' && number === 1 && when === 'before',
    })),
  )
}

/** Sends what comes before the cut, and nothing behind it; of the last request the answer is lost. */
export function failingFetch({ at, when, number }: Cut): typeof fetch {
  let count = 0
  return async (input, init) => {
    count += at === 'request' ? 1 : 0
    if (count > number || (count === number && when === 'before')) throw new TypeError('the connection is cut')
    const response = await fetch(input, init)
    if (count < number || at === 'write') return response
    await response.body?.cancel()
    throw new TypeError('the connection is cut')
  }
}

/** The same for a store. */
export function failingStore(store: IdentityStore, { at, when, number }: Cut): IdentityStore {
  let count = 0
  return {
    read: store.read,
    replace: async (identity, after) => {
      count += at === 'write' ? 1 : 0
      if (count > number || (count === number && when === 'before')) throw died()
      const isReplaced = await store.replace(identity, after)
      if (count === number && at === 'write') throw died()
      return isReplaced
    },
  }
}

function died(): Error {
  return Object.assign(new Error('the process has died'), { code: 'died' })
}
