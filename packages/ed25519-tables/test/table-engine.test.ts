import { randomBytes } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import { createTableEngine } from '../src/table-engine.ts'
import { toBytes } from './edwards.ts'

const engine = createTableEngine()
const PRIME = 2n ** 255n - 19n

describe('a table', () => {
  it('is made for exactly those bytes that the import of keys takes', () => {
    const verdicts = Array.from({ length: 500 }, () => randomBytes(32)).map((bytes) => {
      const built = engine.build(0, bytes)
      expect({ key: bytes.toString('hex'), built }).toEqual({ key: bytes.toString('hex'), built: isImported(bytes) })
      return built
    })
    // Half of all bytes are no point.
    expect(new Set(verdicts)).toEqual(new Set([true, false]))
  })

  it('the same at both ends of the field, with and without the sign', () => {
    const edges = [...Array(24).keys()].flatMap((step) => [BigInt(step), PRIME - 12n + BigInt(step)])
    for (const y of edges.filter((value) => value < 2n ** 255n)) {
      for (const sign of [0, 0x80]) {
        const bytes = toBytes(y)
        bytes[31] = (bytes[31] as number) | sign
        expect({ y, sign, built: engine.build(0, bytes) }).toEqual({ y, sign, built: isImported(bytes) })
      }
    }
  })

  it.each([0, 31, 33, 64])('is not made of %i bytes', (length) => {
    expect(engine.build(0, Buffer.alloc(length, 5))).toBe(false)
  })

  it('answers as before when the one beside it is made, and is gone when its own fails', () => {
    const [signed, other] = [readVector(), randomPoint()]
    engine.build(7, signed.key)
    engine.build(6, other)
    engine.build(8, other)
    expect(engine.verify(7, signed.data, signed.signature)).toBe(true)
    expect(engine.build(7, Buffer.alloc(32))).toBe(false)
    expect(engine.verify(7, signed.data, signed.signature)).toBeUndefined()
  })

  it('is there 1,024 times, each for its own key', () => {
    expect([engine.maxTables, engine.maxMessageBytes]).toEqual([1024, 65_536])
    const { key, data, signature } = readVector()
    for (const table of [0, 1, 511, 1023]) {
      expect(engine.build(table, key)).toBe(true)
      expect(engine.verify(table, data, signature)).toBe(true)
    }
  })
})

function isImported(point: Buffer): boolean {
  try {
    importPublicKey({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }, { allowTestKeys: true })
    return true
  } catch {
    return false // whichever rule refused it
  }
}

function randomPoint(): Buffer {
  const bytes = randomBytes(32)
  return isImported(bytes) ? bytes : randomPoint()
}

/** RFC 8032 section 7.1, TEST 3. */
function readVector(): { readonly key: Buffer; readonly data: Buffer; readonly signature: Buffer } {
  const signature =
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
    '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'
  return {
    key: Buffer.from('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'hex'),
    data: Buffer.from('af82', 'hex'),
    signature: Buffer.from(signature, 'hex'),
  }
}
