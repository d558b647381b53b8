import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgentFetch } from '@countermark/client'
import type { Decision } from '@countermark/core'
import { createApp } from './after.ts'

// How much the application changed.
const before = new Set(readFileSync(new URL('./before.ts', import.meta.url), 'utf8').split('\n'))
const added = readFileSync(new URL('./after.ts', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => !before.has(line))
const code = added.filter((line) => !line.startsWith('/**'))
assert.ok(code.length < 10, `guarding took ${code.length} lines`)
console.log(`lines added to the application: ${code.length}`)

const folder = mkdtempSync(join(tmpdir(), 'guard-existing-app-'))
const keyFile = join(folder, 'agent-keys.json')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
writeFileSync(
  keyFile,
  JSON.stringify({
    agents: [
      { id: 'agt_7f2k9x', owner: 'orders team', keys: [{ id: 'k1', jwk: publicKey.export({ format: 'jwk' }) }] },
    ],
  }),
)

// Week one: only observe. Nothing breaks, and the report says who would have been refused and why.
const report = new Map<string, number>()
const note = ({ refusal }: Decision): void =>
  void report.set(refusal?.code ?? '', (report.get(refusal?.code ?? '') ?? 0) + 1)
const observing = await listen((origin) =>
  createApp({ origins: () => [origin()], keyFile, mode: 'observe', onRefusal: note }),
)
assert.equal(await visit(fetch, observing.origin, '/healthz'), 200)
assert.equal(await visit(fetch, observing.origin, '/v1/orders/7'), 200)
assert.equal(await visit(agentFetchFor(observing.origin), observing.origin, '/v1/orders/7'), 200)
assert.deepEqual([...report], [['credentials_missing', 1]])
console.log('observing: an unsigned call passed; it would have been refused with credentials_missing')
await observing.close()

// Week two: enforce.
const enforcing = await listen((origin) => createApp({ origins: () => [origin()], keyFile }))
const agentFetch = agentFetchFor(enforcing.origin)
assert.equal(await visit(fetch, enforcing.origin, '/healthz'), 200)
assert.equal(await visit(fetch, enforcing.origin, '/v1/orders/7'), 401)
assert.equal(await visit(agentFetch, enforcing.origin, '/v1/orders/7'), 200)
const json = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item":"kettle"}' }
const received = await agentFetch(`${enforcing.origin}/v1/orders`, json)
assert.deepEqual(await received.json(), { received: { item: 'kettle' } })
const form = await agentFetch(`${enforcing.origin}/v1/orders`, {
  method: 'POST',
  body: new URLSearchParams({ item: 'kettle' }),
})
assert.deepEqual(await form.json(), { received: { item: 'kettle' } })
const failed = await agentFetch(`${enforcing.origin}/v1/orders/7/refund`, { method: 'POST' })
assert.deepEqual([failed.status, await failed.json()], [500, { error: 'the payment provider is down' }])
console.log('enforcing: signed calls pass, parsers and error handler work as before, unsigned calls get 401')
await enforcing.close()
rmSync(folder, { recursive: true })

function agentFetchFor(origin: string): typeof fetch {
  return createAgentFetch({ agentId: 'agt_7f2k9x', keyId: 'k1', key: privateKey, origins: [origin] })
}

async function visit(call: typeof fetch, origin: string, path: string): Promise<number> {
  const response = await call(origin + path)
  await response.arrayBuffer()
  return response.status
}

async function listen(
  create: (origin: () => string) => RequestListener,
): Promise<{ origin: string; close: () => Promise<void> }> {
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const server: Server = createServer(create(origin))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { origin: origin(), close }
}
