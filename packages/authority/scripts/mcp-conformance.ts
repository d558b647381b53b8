import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createFakeClock, findFreePort, type StartedServer, startServer } from '@countermark/testing'
import { LOOPBACK } from '../../delegation/test/issuer-server.ts'
import { createTestBrowser } from '../test/tokens/browser.ts'
import {
  assertionOf,
  type KnownAgent,
  ORDERS,
  type RunningAuthority,
  startAuthority,
} from '../test/tokens/running-authority.ts'
import { startSignInProvider } from '../test/tokens/sign-in-provider.ts'

// Runs the authorization server scenarios of @modelcontextprotocol/conformance against an authority:
//   node --import tsx --conditions=@countermark/source packages/authority/scripts/mcp-conformance.ts NODE22 DIST/index.js

const [node = 'node', program = ''] = process.argv.slice(2)

async function main(): Promise<void> {
  // What the judge is told lies in the future of nothing: the clock stands at the time of the start.
  const clock = createFakeClock(Date.now())
  const provider = await startSignInProvider(clock)
  const authority = await startAuthority({
    clock,
    services: [{ audience: ORDERS }],
    consent: {
      provider: { issuer: provider.origin, http: LOOPBACK },
      ...{ clientId: 'countermark', clientSecret: 'a secret of ours' },
      redirectUris: { agt_buyer: ['http://127.0.0.1/callback'] },
    },
  })
  const buyer = await authority.createAgent('agt_buyer')
  await judge(authority.issuer, authority.issuer)
  const proving = await startProvingProxy(authority, buyer)
  await judge(proving.origin, authority.issuer)
  await Promise.all([proving.close(), authority.close(), provider.close()])
}

/** Runs the scenarios; the person at the browser says yes. */
async function judge(url: string, issuer: string): Promise<void> {
  const port = await findFreePort()
  const settings = ['--url', url, '--client-id', 'agt_buyer', '--port', String(port), '--verbose']
  const child = spawn(node, [program, 'authorization', ...settings, '--spec-version', '2026-07-28'])
  let output = ''
  let isAnswered = false
  const see = async (chunk: Buffer): Promise<void> => {
    output += chunk
    const [asked] = /http:\/\/127\.0\.0\.1:\d+\/authorize\?\S+/.exec(output) ?? []
    if (asked === undefined || isAnswered) return
    isAnswered = true
    const browser = createTestBrowser(`http://127.0.0.1:${port}/callback`)
    const answered = await browser.submit(await browser.visit(asked), 'allow')
    await fetch(answered.url.replace(encodeURIComponent(issuer), encodeURIComponent(url)))
  }
  child.stdout.on('data', see)
  child.stderr.on('data', see)
  const code = await new Promise((resolve) => child.once('close', resolve))
  process.stdout.write(`\n== ${url}: exit ${code}\n${output}\n`)
}

/**
 * The judge knows no client that proves itself with a key: this stands in front of the authority, under an issuer identifier of its
 * own, and adds the agent's proof to what goes to the token endpoint.
 */
async function startProvingProxy(authority: RunningAuthority, agent: KnownAgent): Promise<StartedServer> {
  const { issuer, clock } = authority
  const server = await startServer(createServer((request, response) => void relay(request, response)))
  const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(await text(request))
    for (const [name, value] of Object.entries(assertionOf(agent, issuer, clock))) form.set(name, String(value))
    const init = request.method === 'POST' ? { method: 'POST', body: form } : {}
    const answer = await fetch(`${issuer}${request.url}`, init)
    const value = Object(await answer.json())
    const isMetadata = value.issuer === issuer
    const body = isMetadata ? { ...value, issuer: server.origin, token_endpoint: `${server.origin}/token` } : value
    const cacheControl = answer.headers.get('cache-control') ?? ''
    response.writeHead(answer.status, { 'content-type': 'application/json', 'cache-control': cacheControl })
    response.end(JSON.stringify(body))
  }
  return server
}

void main()
