import { generateKeyPairSync, verify as opensslVerify, sign } from 'node:crypto'
import { type AgentKey, importPublicKey, Misconfigured, type SignatureVerifier } from '@countermark/core'
import { agentKeyOf, createTestAgent } from '@countermark/testing'
import { type TablesOptions, tables } from '../src/index.ts'
import { createTableEngine } from '../src/table-engine.ts'
import { createTablesVerifier, type TableDifference } from '../src/tables.ts'
import { throwDifference } from './conformance/table-vectors.ts'
import { readCount } from './differential.ts'
import { encode, NEUTRAL, ORDER, toBytes, toNumber } from './edwards.ts'
import { rawKey, warmUp } from './raw-key.ts'
import { createNonce, createSigner, signShifted } from './signer.ts'

const DATA = Buffer.from('a message')

describe('tables', () => {
  it('accepts what an Ed25519 key signed, before it has a table, with one, and in the pool', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const verifier = strictTables({ after: 2 })
    const signature = await agent.sign(DATA)
    const verdicts = [1, 2, 3, 4].map(() => verifier.verify(agentKeyOf(agent), DATA, signature))
    expect([...verdicts, await verifier.verifyInThreadPool(agentKeyOf(agent), DATA, signature)]).toEqual(
      Array(5).fill(true),
    )
    expect(readCount(verifier)).toBe(2)
  })

  it('takes plain Uint8Arrays, also views into a larger buffer', () => {
    const { key, signed } = aSigner()
    const verifier = warmed(key)
    const data = new Uint8Array(Buffer.from('-a message-')).subarray(1, 10)
    expect(verifier.verify(key, data, new Uint8Array(signed(DATA)))).toBe(true)
    expect(readCount(verifier)).toBe(1)
  })

  it('refuses a changed message and a changed signature', () => {
    const { key, signed } = aSigner()
    const verifier = warmed(key)
    const signature = signed(DATA)
    expect(verifier.verify(key, Buffer.from('b message'), signature)).toBe(false)
    for (const index of [0, 31, 32, 62])
      expect(verifier.verify(key, DATA, withFlippedBit(signature, index))).toBe(false)
    expect(readCount(verifier)).toBe(5)
  })

  it.each([0, 63, 65, 128])('refuses a signature of %i bytes', (length) => {
    const { key, signed } = aSigner()
    const signature = Buffer.concat([signed(DATA), Buffer.alloc(64)]).subarray(0, length)
    expect(warmed(key).verify(key, DATA, signature)).toBe(false)
  })

  it.each(['ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)('leaves %s to node', async (algorithm) => {
    const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm })
    const verifier = strictTables({ after: 1 })
    const signature = await agent.sign(DATA)
    expect([1, 2, 3].map(() => verifier.verify(agentKeyOf(agent), DATA, signature))).toEqual([true, true, true])
    expect(readCount(verifier)).toBe(0)
  })

  it('judges messages of every length to 4,096, and up to the longest that has room', () => {
    const { key, signed } = aSigner()
    const verifier = warmed(key)
    const bytes = Buffer.alloc(65_537, 'countermark')
    const lengths = [...Array.from({ length: 4097 }, (_, length) => length), 65_535, 65_536]
    const refused = lengths.filter((length) => {
      const data = bytes.subarray(0, length)
      return !verifier.verify(key, data, signed(data))
    })
    expect(refused).toEqual([])
    expect(readCount(verifier)).toBe(lengths.length)
  })

  it('leaves a longer message to node, which judges it whole', () => {
    const { key, signed } = aSigner()
    const verifier = warmed(key)
    const data = Buffer.alloc(65_537, 'countermark')
    const signature = signed(data)
    expect(verifier.verify(key, data, signature)).toBe(true)
    expect(verifier.verify(key, data.subarray(0, 65_536), signature)).toBe(false)
    expect(readCount(verifier)).toBe(1)
  })

  it('is not misled by what a longer message left behind', () => {
    const { key, signed } = aSigner()
    const verifier = warmed(key)
    for (const length of [4096, 0, 300, 1, 65_536, 64, 0]) {
      const data = Buffer.alloc(length, 7)
      expect(verifier.verify(key, data, signed(data))).toBe(true)
    }
  })
})

describe('an attacker', () => {
  it('cannot use an S that is not below the order', () => {
    const { key, signed } = aSigner()
    const signature = signed(DATA)
    const shifted = toBytes(toNumber(signature.subarray(32)) + ORDER)
    expect(warmed(key).verify(key, DATA, Buffer.concat([signature.subarray(0, 32), shifted]))).toBe(false)
  })

  it('cannot use an R of small order, which Node accepts before 24', () => {
    const signer = createSigner(123_456_789n)
    const key = signer.keys[0] as AgentKey
    const signature = signShifted(signer, createNonce(0n), DATA, { key: 0, R: 0 })
    const isAccepted = Number.parseInt(process.versions.node, 10) < 24
    expect(opensslVerify(null, DATA, key.publicKey, signature)).toBe(isAccepted)
    expect(warmed(key).verify(key, DATA, signature)).toBe(false)
  })

  it.each([`01${'00'.repeat(31)}`, `01${'00'.repeat(30)}80`, `ee${'ff'.repeat(30)}7f`, `ec${'ff'.repeat(30)}7f`])(
    'gets no table for the key %s of small order, and no forgery past it',
    (point) => {
      const key = rawKey(Buffer.from(point, 'hex'))
      const verifier = warmed(key)
      expect(createTableEngine().build(0, Buffer.from(point, 'hex'))).toBe(false)
      expect(verifier.verify(key, DATA, Buffer.from(`01${'00'.repeat(63)}`, 'hex'))).toBe(false)
      expect(readCount(verifier)).toBe(0)
    },
  )

  it('gains nothing by the neutral element in a table that was never made', () => {
    const forgery = Buffer.concat([encode(NEUTRAL), Buffer.alloc(32)])
    const engine = createTableEngine()
    for (const table of [0, 1023, 1024, 2 ** 31, -1]) expect(engine.verify(table, DATA, forgery)).toBeUndefined()
    expect(engine.build(1024, encode(NEUTRAL))).toBe(false)
  })

  it('cannot borrow the table of another key by its thumbprint', () => {
    const [owner, thief] = [aSigner(), aSigner()]
    const verifier = warmed(owner.key)
    const claimed = { ...thief.key, thumbprint: owner.key.thumbprint }
    expect(verifier.verify(claimed, DATA, owner.signed(DATA))).toBe(false)
    expect(verifier.verify(claimed, DATA, thief.signed(DATA))).toBe(true)
    // Now the table is the other's, and still no signature counts under a key that did not make it.
    expect(verifier.verify(owner.key, DATA, thief.signed(DATA))).toBe(false)
    expect(verifier.verify(owner.key, DATA, owner.signed(DATA))).toBe(true)
  })
})

describe('a table that is wrong', () => {
  afterEach(() => jest.restoreAllMocks())

  it.each([true, false])('decides nothing: node does, at once and from then on (the table says %s)', (wrong) => {
    const { key, signed } = aSigner()
    const [verifier, differences] = lying(() => wrong)
    const signature = wrong ? Buffer.alloc(64, 9) : signed(DATA)
    warmUp(verifier, key)
    expect(verifier.verify(key, DATA, signature)).toBe(!wrong)
    expect(verifier.verify(key, DATA, signature)).toBe(!wrong)
    const { thumbprint } = key
    expect(differences).toEqual([{ thumbprint, data: DATA, signature, table: wrong, node: !wrong }])
    expect(readCount(verifier)).toBe(1)
  })

  it('is reported to every guard, and stands in the metrics', () => {
    const { key } = aSigner()
    const [verifier] = lying(() => true)
    const reported: string[] = []
    verifier.reportTo?.(({ name }) => void reported.push(`one ${name}`))
    verifier.reportTo?.(({ name }) => void reported.push(`two ${name}`))
    warmUp(verifier, key)
    expect(readMetric(verifier, 'ed25519_tables_given_up')).toBe(0)
    verifier.verify(key, DATA, Buffer.alloc(64, 9))
    expect(reported).toEqual(['one ed25519_tables_differences_total', 'two ed25519_tables_differences_total'])
    expect(readMetric(verifier, 'ed25519_tables_differences_total')).toBe(1)
    expect(readMetric(verifier, 'ed25519_tables_given_up')).toBe(1)
  })

  it('warns the operator, without the signed bytes', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue()
    const { key } = aSigner()
    const verifier = createTablesVerifier(settingsOf({}), { ...createTableEngine(), verify: () => true })
    warmUp(verifier, key)
    verifier.verify(key, DATA, Buffer.alloc(64, 9))
    const message = `a table said true where node:crypto says false, under the key ${key.thumbprint}`
    expect(warn.mock.calls).toEqual([
      [
        `${message}; node:crypto decides alone from now on`,
        { type: 'CountermarkWarning', code: 'ed25519_tables_difference' },
      ],
    ])
  })

  it('is told of by whatever onDifference throws', () => {
    const { key } = aSigner()
    const engine = { ...createTableEngine(), verify: () => true }
    const verifier = createTablesVerifier(settingsOf({ shadowEvery: 1, onDifference: throwDifference }), engine)
    warmUp(verifier, key)
    expect(() => verifier.verify(key, DATA, Buffer.alloc(64, 9))).toThrow('a table says true')
  })

  it('counts as wrong when the module stops', () => {
    const { key, signed } = aSigner()
    const [verifier, differences] = lying(() => {
      throw new WebAssembly.RuntimeError('unreachable')
    })
    warmUp(verifier, key)
    expect(verifier.verify(key, DATA, signed(DATA))).toBe(true)
    expect(differences.map(({ table, node }) => [table, node])).toEqual([[undefined, true]])
  })

  it('is found by its first verdict, however rarely others are compared', () => {
    const { key } = aSigner()
    const options = settingsOf({ shadowEvery: 65_536, onDifference: throwDifference })
    const verifier = createTablesVerifier(options, { ...createTableEngine(), verify: () => true })
    warmUp(verifier, key)
    expect(() => verifier.verify(key, DATA, Buffer.alloc(64, 9))).toThrow('a table says true')
  })

  it('is found after 1,024 verdicts on average, at places that cannot be told', () => {
    const { key, signed } = aSigner()
    const verifier = createTablesVerifier(settingsOf({ shadowEvery: 1024 }), {
      ...createTableEngine(),
      verify: () => true,
    })
    warmUp(verifier, key)
    const signature = signed(DATA)
    for (let count = 0; count < 200_000; count++) verifier.verify(key, DATA, signature)
    const checks = readMetric(verifier, 'ed25519_tables_shadow_checks_total') ?? 0
    // 195 expected; the chance to be outside is below one in a million.
    expect(checks).toBeGreaterThan(130)
    expect(checks).toBeLessThan(280)
  })
})

describe('tables at start', () => {
  it.each([
    { after: 0 },
    { after: Number.NaN },
    { maxKeys: 1025 },
    { maxKeys: 0 },
    { shadowEvery: 0 },
    { shadowEvery: Infinity },
  ])('refuse %j', (options) => {
    expect(() => tables(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('refuse an option that nothing reads', () => {
    expect(() => tables({ keys: 3 } as object)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
  })

  it('refuse an onDifference that is no function', () => {
    const options = { onDifference: 'warn' } as object
    expect(() => tables(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('refuse to start without WebAssembly', () => {
    const { WebAssembly: present } = globalThis
    Reflect.deleteProperty(globalThis, 'WebAssembly')
    try {
      expect(() => tables()).toThrow(Misconfigured)
      expect(() => tables()).toThrow(expect.objectContaining({ code: 'ERR_VERIFIER_SELF_TEST' }))
    } finally {
      Object.assign(globalThis, { WebAssembly: present })
    }
  })
})

function strictTables(options: TablesOptions = {}): SignatureVerifier {
  return tables({ shadowEvery: 1, onDifference: throwDifference, ...options })
}

function warmed(key: AgentKey): SignatureVerifier {
  const verifier = strictTables({ after: 1 })
  warmUp(verifier, key)
  return verifier
}

function settingsOf(options: TablesOptions): TablesOptions {
  return { after: 1, maxKeys: 4, shadowEvery: 1, ...options }
}

/** A verifier whose tables answer otherwise than they should, with what it tells of that. */
function lying(verify: () => boolean): readonly [SignatureVerifier, readonly TableDifference[]] {
  const differences: TableDifference[] = []
  const onDifference = (difference: TableDifference): void => void differences.push(difference)
  return [createTablesVerifier(settingsOf({ onDifference }), { ...createTableEngine(), verify }), differences]
}

function readMetric({ metrics = [] }: SignatureVerifier, name: string): number | undefined {
  return metrics.find((row) => row.name === name)?.read?.()
}

function aSigner(): { readonly key: AgentKey; readonly signed: (data: Uint8Array) => Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { rawPublicKey = new Uint8Array() } = importPublicKey(publicKey)
  return { key: rawKey(rawPublicKey), signed: (data) => sign(null, data, privateKey) }
}

function withFlippedBit(bytes: Uint8Array, index: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[index] = (changed[index] as number) ^ 1
  return changed
}
