import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { availableParallelism, cpus } from 'node:os'
import { importPublicKey } from '@countermark/core'
import { rememberKeys } from '@countermark/core/internal'
import { staticKeys } from '../src/index.ts'

// What keys cost at the start, in CPU time beside one verification by node:crypto: the number of keys may be given.
const count = Number(process.argv[2] ?? 100_000)
// Encoded while they are made: Node 20 may stand still when a key that it just made is exported as a JWK.
const jwks = Array.from({ length: count }, () => {
  const made = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { kty: 'OKP', crv: 'Ed25519', x: made.publicKey.subarray(-32).toString('base64url') }
})

/** Microseconds of CPU for each, at best of a few runs. */
function cost(runs: number, each: number, run: () => void): string {
  const micros = Array.from({ length: runs }, () => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / each
  })
  return Math.min(...micros).toFixed(1)
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const messages = Array.from({ length: 2_000 }, (_, index) => Buffer.from(`message ${index} ${'x'.repeat(300)}`))
const signed = messages.map((message) => ({ message, signature: sign(null, message, privateKey) }))
const verified = cost(5, signed.length, () => {
  for (const { message, signature } of signed) verify(null, message, publicKey, signature)
})

const some = jwks.slice(0, 10_000)
const imported = cost(5, some.length, () => {
  for (const jwk of some) importPublicKey(jwk)
})
const importKey = rememberKeys(2 * some.length)
for (const jwk of some) importKey(jwk)
const remembered = cost(5, some.length, () => {
  for (const jwk of some) importKey(jwk)
})

const entries = jwks.map((key, index) => ({ agentId: `agt_${index}`, keyId: `key-${index}`, key }))
globalThis.gc?.()
const heapBefore = process.memoryUsage()
const before = process.cpuUsage()
const source = staticKeys(entries)
const { user, system } = process.cpuUsage(before)
globalThis.gc?.()
const heapAfter = process.memoryUsage()

process.stdout.write(`node ${process.version}, OpenSSL ${process.versions.openssl}, ${cpus()[0]?.model} × ${availableParallelism()}
one verification of 310 bytes: ${verified} µs
an Ed25519 JWK imported: ${imported} µs; found again: ${remembered} µs
${count} keys in ${source.name}: ${((user + system) / 1e6).toFixed(2)} s of CPU, ${Math.round((heapAfter.heapUsed - heapBefore.heapUsed) / count)} bytes of heap and ${Math.round((heapAfter.external - heapBefore.external) / count)} outside for each
`)
