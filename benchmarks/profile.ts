// Runs one guarded request in a tight loop without sockets, for a CPU profile: node --cpu-prof --import tsx profile.ts
import { createHash, generateKeyPairSync } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { createNodeGuard } from '@countermark/core/node'
import { createRequests } from './requests.ts'
import { createChecks, GUARD_OPTIONS } from './servers/countermark.ts'

const keys = generateKeyPairSync('ed25519')
const publicJwk = keys.publicKey.export({ format: 'jwk' }) as Record<string, string>
const keyId = createHash('sha256')
  .update(JSON.stringify({ crv: publicJwk['crv'], kty: publicJwk['kty'], x: publicJwk['x'] }))
  .digest('base64url')
const identity = {
  agentId: 'agt_bench',
  keyId,
  privateJwk: keys.privateKey.export({ format: 'jwk' }) as Record<string, string>,
  publicJwk,
  rsaPrivatePem: '',
  rsaPublicPem: '',
  token: '',
  unit: { base: '', signature: '' },
}
const { compose, toAgentRequest } = createNodeGuard(GUARD_OPTIONS)
const guard = compose({}, createChecks(identity))
const count = Number(process.argv[2] ?? 20000)
const kind = process.argv[3] === 'refused' ? 'refused' : 'httpsig'
const raws = createRequests(kind, count, identity)
const messages = raws.map((raw) => {
  const [head = ''] = raw.split('\r\n\r\n')
  const [, ...lines] = head.split('\r\n')
  const message = new IncomingMessage(new Socket())
  message.method = 'GET'
  message.url = '/'
  for (const line of lines) {
    const at = line.indexOf(': ')
    message.rawHeaders.push(line.slice(0, at), line.slice(at + 2))
  }
  message.complete = true
  return message
})
let allowed = 0
const before = process.cpuUsage()
const begun = performance.now()
for (const [index, message] of messages.entries()) {
  // A new turn now and then, as sockets would bring it: within one turn verification moves to the thread pool.
  if (index % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
  const verdict = guard(toAgentRequest({ message, originalUrl: '/', route: () => ({ template: '/', parameters: {} }) }))
  if ('then' in verdict) throw new Error('a warm request must not wait')
  if (verdict.outcome === 'allow') allowed++
  else if (kind === 'httpsig') throw new Error(verdict.reply.body)
}
const cpu = process.cpuUsage(before)
console.log(
  `${allowed} allowed, ${(((performance.now() - begun) * 1000) / count).toFixed(1)} µs wall, ${((cpu.user + cpu.system) / count).toFixed(1)} µs CPU each`,
)
