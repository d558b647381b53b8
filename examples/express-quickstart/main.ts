import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAgentFetch, readRefusal } from '@countermark/client'
import { createServer } from './server.ts'

// The agent keeps the private key; the backend only ever sees the 32 public bytes.
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const publicBytes = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')

const server: Server = createHttpServer(createServer({ origin: () => origin, agentKeys: { agt_7f2k9x: publicBytes } }))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const origin: string = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const agentFetch = createAgentFetch({ agentId: 'agt_7f2k9x', key: privateKey, origins: [origin] })
const order = {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ item: 'kettle', quantity: 2 }),
}

const signed = await agentFetch(`${origin}/orders`, order)
assert.equal(signed.status, 201)
assert.deepEqual(await signed.json(), { order: { item: 'kettle', quantity: 2 }, placedBy: 'agt_7f2k9x' })
console.log('signed:   201, placed by agt_7f2k9x')

const unsigned = await fetch(`${origin}/orders`, order)
assert.equal(unsigned.status, 401)
const refusal = await readRefusal(unsigned)
assert.equal(refusal?.code, 'credentials_missing')
console.log(`unsigned: ${unsigned.status}, ${refusal?.code}`)

server.close()
server.closeAllConnections()
