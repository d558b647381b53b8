import { generateKeyPairSync } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import { staticKeys } from '@countermark/keys'

const KEYS = 100_000

type Jwk = Readonly<Record<string, unknown>>

function createJwks(count: number): readonly Jwk[] {
  return Array.from({ length: count }, () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) as Jwk)
}

function cpuMicros(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Copies: what is remembered is remembered by what a key is, not by the object that holds it. */
function toEntries(jwks: readonly Jwk[]): Parameters<typeof staticKeys>[0] {
  return jwks.map((jwk, index) => ({ agentId: `agt_${index}`, key: { ...jwk } as never }))
}

const warmUp = createJwks(2_000)
for (const jwk of warmUp) importPublicKey(jwk as never)
const single = createJwks(2_000)
const singleMicros = cpuMicros(() => single.map((jwk) => importPublicKey(jwk as never))) / single.length
const jwks = createJwks(KEYS)
const first = toEntries(jwks)
const startMicros = cpuMicros(() => staticKeys(first))
const again = toEntries(jwks)
const againMicros = cpuMicros(() => staticKeys(again))
console.log(
  JSON.stringify({
    'a key': singleMicros,
    'a start with 100,000 keys': startMicros / 1e6,
    'the same keys again': againMicros / 1e6,
  }),
)
