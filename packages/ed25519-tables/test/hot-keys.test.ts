import type { AgentKey } from '@countermark/core'
import { HotKeys } from '../src/hot-keys.ts'

/** Keys by number; nothing is verified here. */
const KEYS: readonly AgentKey[] = Array.from({ length: 20 }, (_, index) => aKey(`key ${index}`, index))

describe('a key', () => {
  it('gets a table with the third accepted signature', () => {
    const { keys, built } = open({ after: 3 })
    accept(keys, 0, 0)
    expect(built).toEqual([])
    accept(keys, 0)
    expect(built).toEqual([[0, 0]])
    expect(keys.find(at(0))?.table).toBe(0)
  })

  it('that no table can be made for gets none, and takes no room', () => {
    const { keys } = open({ after: 1, maxKeys: 1, refused: [3] })
    accept(keys, 3, 3, 3)
    expect([keys.find(at(3)), keys.size()]).toEqual([undefined, 0])
    accept(keys, 4)
    expect(keys.find(at(4))?.table).toBe(0)
  })

  it('without its raw bytes gets none', () => {
    const { keys } = open({ after: 1 })
    const bare = { ...at(0), rawPublicKey: undefined }
    keys.noteAccepted(bare)
    expect([keys.find(bare), keys.size()]).toEqual([undefined, 0])
  })

  it('does not find the table of other bytes under the same thumbprint', () => {
    const { keys } = open({ after: 1 })
    accept(keys, 0)
    expect(keys.find({ ...at(1), thumbprint: at(0).thumbprint })).toBeUndefined()
    expect(keys.find({ ...at(0), rawPublicKey: undefined })).toBeUndefined()
    expect(keys.find({ ...at(0), rawPublicKey: Buffer.alloc(31) })).toBeUndefined()
  })

  it('gets no second table when its thumbprint comes with other bytes', () => {
    const { keys } = open({ after: 1, maxKeys: 2 })
    accept(keys, 0)
    keys.noteAccepted({ ...at(1), thumbprint: at(0).thumbprint })
    expect(keys.size()).toBe(1)
    accept(keys, 2)
    expect([keys.size(), keys.find(at(2))?.table]).toEqual([2, 1])
  })

  it('whose bytes change in the hands of its source keeps what its table was made of', () => {
    const { keys } = open({ after: 1 })
    const bytes = Buffer.alloc(32, 1)
    const key = { ...at(0), rawPublicKey: bytes }
    keys.noteAccepted(key)
    bytes.fill(2)
    expect(keys.find(key)).toBeUndefined()
  })
})

describe('a full house', () => {
  it('gives the table that was used least recently to a key that was accepted more often since', () => {
    const { keys, built } = open({ after: 3, maxKeys: 2 })
    accept(keys, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2)
    expect(built).toEqual([
      [0, 0],
      [1, 1],
      [1, 2],
    ])
    expect([keys.find(at(1)), keys.find(at(0))?.table, keys.size()]).toEqual([undefined, 0, 2])
  })

  it('keeps its tables when more keys than tables are equally busy: nothing is built all the time', () => {
    const { keys, built } = open({ after: 3, maxKeys: 2 })
    for (let round = 0; round < 50; round++) accept(keys, 0, 1, 2, 3)
    expect(built.length).toBe(2)
    expect(keys.size()).toBe(2)
  })

  it('changes its mind when a key falls silent', () => {
    const { keys } = open({ after: 3, maxKeys: 2 })
    for (let round = 0; round < 5; round++) accept(keys, 0, 1)
    for (let round = 0; round < 5; round++) accept(keys, 1, 2)
    expect([0, 1, 2].map((index) => keys.find(at(index)) !== undefined)).toEqual([false, true, true])
  })
})

describe('candidates', () => {
  it('are forgotten, oldest first, beyond 4,096', () => {
    const { keys, built } = open({ after: 2 })
    const strangers = Array.from({ length: 4096 }, (_, index) => aKey(`stranger ${index}`, 1))
    accept(keys, 0)
    for (const stranger of strangers) keys.noteAccepted(stranger)
    accept(keys, 0)
    expect(built).toEqual([])
    keys.noteAccepted(strangers[4095] as AgentKey)
    expect(built.length).toBe(1)
  })
})

interface Opened {
  readonly keys: HotKeys
  /** Table and first byte of the key, in order. */
  readonly built: readonly (readonly [table: number, key: number])[]
}

function open(options: { after: number; maxKeys?: number; refused?: readonly number[] }): Opened {
  const built: [number, number][] = []
  const build = (table: number, [first = 0]: Uint8Array): boolean => {
    if (options.refused?.includes(first)) return false
    built.push([table, first])
    return true
  }
  return { keys: new HotKeys({ engine: { build }, after: options.after, maxKeys: options.maxKeys ?? 8 }), built }
}

/** Notes accepted signatures as the verifier does. */
function accept(keys: HotKeys, ...numbers: readonly number[]): void {
  for (const number of numbers) {
    const hot = keys.find(at(number))
    if (hot === undefined) keys.noteAccepted(at(number))
    else keys.use(hot)
  }
}

function at(number: number): AgentKey {
  return KEYS[number] as AgentKey
}

function aKey(thumbprint: string, byte: number): AgentKey {
  return {
    agent: { id: 'agt_hot', state: 'active' },
    keyId: thumbprint,
    thumbprint,
    algorithm: 'ed25519',
    publicKey: undefined as never,
    rawPublicKey: Buffer.alloc(32, byte),
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}
