import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeVerifier } from '@countermark/core/internal'
import { createTableEngine } from '../src/table-engine.ts'
import { judgeByTables } from './conformance/table-vectors.ts'
import { rawKey } from './raw-key.ts'

const engine = createTableEngine()

interface Vector {
  readonly name: string
  readonly key: Buffer
  readonly data: Buffer
  readonly signature: Buffer
  readonly flags: readonly string[]
}

/** Bytes that no strict verifier accepts, whatever the equation says. */
const REFUSED = ['low_order_R', 'non_canonical_R', 'low_order_residue']

describe('tables and the vectors of CCTV', () => {
  const vectors = readCctv()

  it('are there', () => {
    expect(vectors.length).toBe(388)
  })

  it('judge each as a strict verifier does, with a table made for its key', () => {
    const judged = vectors.map(({ name, key, data, signature }) => {
      const built = engine.build(0, key)
      const tables = judgeByTables(engine, key, data, signature)
      return { name, built, tables, node: nodeVerifier.verify(rawKey(key), data, signature) }
    })
    const expected = vectors.map(({ name, flags }) => {
      const holds = !REFUSED.some((flag) => flags.includes(flag))
      return { name, built: true, tables: holds, node: holds }
    })
    expect(judged).toEqual(expected)
  })

  it('judge those with a part of small order by the equation without cofactor', () => {
    const mixed = vectors.filter(({ flags }) => flags.includes('low_order_component_A'))
    const verdicts = mixed.map(({ key, data, signature }) => judgeByTables(engine, key, data, signature))
    expect(verdicts).toContain(true)
    expect(verdicts).toContain(false)
  })
})

interface SharedCase {
  readonly name: string
  readonly input: { readonly public_key_hex: string; readonly message_hex: string; readonly signature_hex: string }
  readonly expected: { readonly valid?: boolean; readonly valid_strict?: boolean }
}

describe.each(['ed25519-wycheproof.json', 'ed25519-speccheck.json'])('tables and %s', (file) => {
  it('judge every vector as expected', () => {
    const cases = readShared(file)
    const verdicts = cases.map(({ name, input }) => {
      const [key, data, signature] = [input.public_key_hex, input.message_hex, input.signature_hex].map((hex) =>
        Buffer.from(hex, 'hex'),
      ) as [Buffer, Buffer, Buffer]
      return [name, judgeByTables(engine, key, data, signature)]
    })
    expect(verdicts).toEqual(cases.map(({ name, expected }) => [name, expected.valid ?? expected.valid_strict]))
  })
})

function readCctv(): readonly Vector[] {
  const lines = readFileSync(join(__dirname, 'vectors/cctv-ed25519.txt'), 'utf8').split('\n')
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [number = '', key = '', signature = '', message = '', flags = ''] = line.split('\t')
      return {
        name: `number ${number}`,
        key: Buffer.from(key, 'hex'),
        data: Buffer.from(message),
        signature: Buffer.from(signature, 'hex'),
        flags: flags.split(','),
      }
    })
}

function readShared(file: string): readonly SharedCase[] {
  const path = join(__dirname, '../../../../shared/conformance/crypto', file)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')).cases
  process.stderr.write(`notice: ${file} is not here, its vectors are passed over\n`)
  return []
}
