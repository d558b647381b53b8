const assert = require('node:assert/strict')
const { generateKeyPairSync } = require('node:crypto')
const { createAgentFetch } = require('@countermark/client')
const { createGuardSettings, isRefusal, Refusal } = require('@countermark/core')
const { createGuard } = require('@countermark/koa')
const { staticKeys } = require('@countermark/keys')
const { memoryReplayStore, preventReplay } = require('@countermark/replay')
const { verifySignature } = require('@countermark/signature')
const { startServer } = require('@countermark/testing')
const Koa = require('koa')

async function main() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const keys = staticKeys([{ agentId: 'agt_consumer', key: publicKey.export({ format: 'jwk' }) }])
  let origin = ''
  const guard = createGuard({ authorities: () => [origin], verifier: 'auto' })
  const app = new Koa()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() })))
  app.use((ctx) => {
    ctx.body = { agent: ctx.state.agent.id }
  })
  const server = await startServer(app.callback())
  origin = server.origin

  const agentFetch = createAgentFetch({ agentId: 'agt_consumer', key: privateKey, origins: [origin] })
  const signed = await agentFetch(`${origin}/whoami`)
  assert.equal(signed.status, 200)
  assert.deepEqual(await signed.json(), { agent: 'agt_consumer' })

  const unsigned = await fetch(`${origin}/whoami`)
  assert.equal(unsigned.status, 401)
  assert.equal((await unsigned.json()).code, 'credentials_missing')
  await server.close()

  const { verifier } = createGuardSettings({ authorities: ['api.example.com'], verifier: 'auto' })
  assert.equal(verifier.name, 'ed25519-tables')

  // A program may hold both formats at once, through two of its dependencies: what is thrown here is known there.
  const esm = await import('@countermark/core')
  assert.notEqual(esm.Refusal, Refusal)
  assert.ok(isRefusal(new esm.Refusal('key_unknown', 'expected a known key')))
}

void main() // a rejection ends the process
