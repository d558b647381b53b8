import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JudgedSuite } from '../../../signature/test/conformance/suites.ts'
import { createTableEngine, type TableEngine } from '../../src/table-engine.ts'
import { createTablesVerifier, type TableDifference } from '../../src/tables.ts'
import { rawKey, warmUp } from '../raw-key.ts'

/** Which shared vectors tables must answer, and the member that holds the answer. */
const SUITES = [
  ['crypto/ed25519-wycheproof.json', 'valid'],
  ['crypto/ed25519-speccheck.json', 'valid_strict'],
] as const

/** The suites of a folder that concern this package; empty when the folder is not there. */
export function readTableSuites(folder: string): readonly JudgedSuite[] {
  if (!existsSync(folder)) return []
  const engine = createTableEngine()
  return SUITES.map(([file, member]) => ({
    file: `${file}, by tables`,
    suite: JSON.parse(readFileSync(join(folder, file), 'utf8')),
    judge: ({ input, expected }) => {
      const parts = [input.public_key_hex, input.message_hex, input.signature_hex]
      const [key, data, signature] = parts.map((hex) => Buffer.from(hex, 'hex')) as [Buffer, Buffer, Buffer]
      const verdict = judgeByTables(engine, key, data, signature)
      return verdict === expected[member] ? 'pass' : { fail: `expected ${expected[member]}, got ${verdict}` }
    },
  }))
}

/** The verdict of the whole verifier where the key has a table; every verdict of the table is held against node's. */
export function judgeByTables(engine: TableEngine, key: Buffer, data: Buffer, signature: Buffer): boolean {
  const verifier = createTablesVerifier({ after: 1, maxKeys: 1, shadowEvery: 1, onDifference: throwDifference }, engine)
  const agentKey = rawKey(key)
  warmUp(verifier, agentKey)
  return verifier.verify(agentKey, data, signature)
}

/** For `onDifference`: a test must not pass over one. */
export function throwDifference({ thumbprint, table }: TableDifference): never {
  throw new Error(`a table says ${table} under ${thumbprint}, and node:crypto does not`)
}
