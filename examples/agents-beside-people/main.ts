import assert from 'node:assert/strict'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAgentFetch, generateAgentKey, readRefusal } from '@countermark/client'
import { createServer } from './server.ts'

const { privateKey, publicJwk } = generateAgentKey()
const agentKeys = { agt_7f2k9x: Buffer.from(publicJwk.x ?? '', 'base64url').toString('base64') }

const app = createServer({ origin: () => origin, agentKeys, capabilities: ['orders:read'] })
const server: Server = createHttpServer(app)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const origin: string = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const agentFetch = createAgentFetch({ agentId: 'agt_7f2k9x', key: privateKey, origins: [origin] })

const login = await fetch(`${origin}/login`, { method: 'POST', body: new URLSearchParams({ user: 'jane' }) })
const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
const asJane = { headers: { Cookie: cookie } }

const person = await fetch(`${origin}/orders`, asJane)
assert.deepEqual(await person.json(), { orders: ['kettle'], for: 'jane' })
console.log('a person with a session:  200, orders for jane')

const agent = await agentFetch(`${origin}/orders`)
assert.deepEqual(await agent.json(), { orders: ['kettle'], for: 'agt_7f2k9x' })
console.log('an agent with a signature: 200, orders for agt_7f2k9x')

assert.equal((await fetch(`${origin}/orders`)).status, 401)
console.log('neither:                   401')

// A signature that does not hold is refused; a session beside it does not help.
const forged = await fetch(`${origin}/orders`, {
  headers: { ...asJane.headers, 'Signature-Input': 'sig1=("@method");tag="agent-auth"', Signature: 'sig1=:AAAA:' },
})
assert.equal((await readRefusal(forged))?.code, 'signature_malformed')
console.log(`a forged signature:        ${forged.status}, session or not`)

const refund = await agentFetch(`${origin}/refunds`, { method: 'POST' })
assert.equal((await readRefusal(refund))?.code, 'insufficient_scope')
console.log('an agent without the scope: 403, insufficient_scope')

assert.equal((await fetch(`${origin}/refunds`, { ...asJane, method: 'POST' })).status, 401)
assert.equal((await agentFetch(`${origin}/account`, { ...asJane, method: 'DELETE' })).status, 403)
console.log('a route for agents alone, and one for people alone, keep the others out')

server.close()
server.closeAllConnections()
