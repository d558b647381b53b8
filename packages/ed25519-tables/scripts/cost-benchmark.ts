import { generateKeyPairSync, sign } from 'node:crypto'
import { type AgentKey, importPublicKey, type SignatureVerifier } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { sodiumVerifier } from '@countermark/signature/sodium'
import { createTableEngine } from '../src/table-engine.ts'
import { tables } from '../src/tables.ts'

// What a verification costs by each verifier, in turns in one process: CPU time, medians, distinct messages of 400 bytes.
const ROUNDS = 41
const CALLS = 256
const BYTES = 400

interface Signed {
  readonly key: AgentKey
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

function signUnderOneKey(count: number): readonly Signed[] {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key: AgentKey = {
    ...importPublicKey(publicKey),
    ...{ agent: { id: 'agt_cost', state: 'active' }, keyId: 'k1', state: 'active' },
    ...{ notBefore: undefined, notAfter: undefined, schemes: undefined },
  }
  return Array.from({ length: count }, () => {
    const data = crypto.getRandomValues(new Uint8Array(BYTES))
    return { key, data, signature: sign(null, data, privateKey) }
  })
}

const oneKey = signUnderOneKey(CALLS)
const thousandKeys = Array.from({ length: 1000 }, () => signUnderOneKey(1)).flat()
const engine = createTableEngine()
let next = 0

function verifying(verifier: SignatureVerifier, signed: readonly Signed[]): () => void {
  const run = (): void => {
    const { key, data, signature } = signed[next++ % signed.length] as Signed
    if (!verifier.verify(key, data, signature)) throw new Error(`${verifier.name} refuses`)
  }
  for (let warm = 0; warm < 5 * signed.length; warm++) run()
  return run
}

const unit = 'node:crypto'
const cases: Readonly<Record<string, () => void>> = {
  [unit]: verifying(nodeVerifier, oneKey),
  sodium: verifying(sodiumVerifier(), oneKey),
  tables: verifying(tables(), oneKey),
  'tables, 1,000 keys in turn': verifying(tables(), thousandKeys),
  'tables, without shadow checks': verifying(tables({ shadowEvery: 65_536 }), oneKey),
  'a table made': () => void engine.build(0, oneKey[0]?.key.rawPublicKey ?? new Uint8Array()),
}

const taken = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(cases)) {
    const before = process.cpuUsage()
    for (let call = 0; call < CALLS; call++) run()
    const { user, system } = process.cpuUsage(before)
    taken.get(name)?.push((user + system) / CALLS)
  }
}

const medianOf = (name: string): number => {
  const sorted = [...(taken.get(name) ?? [])].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
for (const name of Object.keys(cases)) {
  const median = medianOf(name)
  process.stdout.write(
    `${name.padEnd(34)}${median.toFixed(1).padStart(7)} µs ${(median / medianOf(unit)).toFixed(2)}\n`,
  )
}
