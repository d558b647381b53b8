import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgentFetch } from '@countermark/client'
import { auditTrail, type CountermarkOptions, fileSink, memoryReplayStore, staticKeys } from 'countermark/express'
import { DAYS, END, KEYS } from './days.ts'
import { type CreateApp, createExpressApp, createKoaApp, findKey } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'migrate-from-api-keys-'))
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
let nowMs = 0
const clock = { wallMs: () => nowMs, monotonicMs: () => performance.now() }

async function playDays(framework: string, create: CreateApp): Promise<void> {
  // Before the first day: keys, and nothing that could be told of who signs.
  const before = await listen(() => create(undefined, true))
  assert.equal((await ask(before.origin, 'agt_crm')).status, 200)
  const plain = await ask(before.origin, undefined)
  assert.equal(plain.status, 401)
  await before.close()

  for (const { at, hasOwnCheck, name, options } of DAYS) {
    nowMs = Date.parse(at)
    const trail = auditTrail({ sinks: [fileSink({ path: join(folder, `${framework}-${name}.ndjson`) })], flushMs: 0 })
    const service = await listen((origin) => create({ ...guarding(origin), ...options, recorder: trail }, hasOwnCheck))
    await EXPECTED[name]?.(service.origin, plain)
    console.log(`${at.slice(0, 10)} ${name}: as expected`)
    await service.close()
    await trail.close()
  }
}

function guarding(origin: () => string): CountermarkOptions {
  return {
    origins: () => [origin()],
    keys: staticKeys([{ agentId: 'agt_crm', keyId: 'k1', key: publicKey }]),
    replay: memoryReplayStore({ clock, startedAt: 0 }),
    apiKeys: { lookup: findKey, ...END },
    clock,
  }
}

/** What must be true on each day, for callers with a key and for the one that has learned to sign. */
const EXPECTED: Readonly<Record<string, (origin: string, plain: Answer) => Promise<void>>> = {
  observe: async (origin, plain) => {
    // No answer says that countermark is there; requests without a key get the answer that they always got.
    const withKey = await ask(origin, 'agt_crm')
    assert.deepEqual([withKey.status, withKey.deprecation, withKey.sunset], [200, null, null])
    assert.deepEqual(await ask(origin, undefined), plain)
  },
  both: async (origin) => {
    const withKey = await ask(origin, 'agt_nightly')
    assert.deepEqual([withKey.status, withKey.body['by']], [200, 'agt_nightly'])
    assert.equal(withKey.deprecation, `@${Date.parse(END.deprecated) / 1000}`)
    assert.equal(withKey.sunset, new Date(END.sunset).toUTCString())
    const signed = await sign(origin)
    assert.deepEqual([signed.status, signed.body['by'], signed.sunset], [200, 'agt_crm', null])
    assert.deepEqual(codeOf(await ask(origin, undefined)), [401, 'credentials_missing'])
    assert.deepEqual(codeOf(await ask(origin, 'agt_crm', 'POST')), [401, 'scheme_not_allowed'])
  },
  brownout: async (origin) => {
    const withKey = await ask(origin, 'agt_nightly')
    assert.deepEqual([...codeOf(withKey), withKey.retryAfter], [403, 'api_key_brownout', '360'])
    assert.equal((await sign(origin)).status, 200)
  },
  off: async (origin) => {
    assert.deepEqual(codeOf(await ask(origin, 'agt_nightly')), [401, 'api_key_sunset'])
    assert.equal((await sign(origin)).status, 200)
  },
}

interface Answer {
  readonly status: number
  readonly deprecation: string | null
  readonly sunset: string | null
  readonly retryAfter: string | null
  readonly body: Readonly<Record<string, unknown>>
}

function codeOf({ status, body }: Answer): readonly unknown[] {
  return [status, body['code']]
}

async function ask(origin: string, agent: keyof typeof KEYS | undefined, method = 'GET'): Promise<Answer> {
  const headers: Readonly<Record<string, string>> = agent === undefined ? {} : { 'X-API-Key': KEYS[agent] }
  return read(await fetch(`${origin}/orders`, { method, headers }))
}

async function sign(origin: string): Promise<Answer> {
  const key = { agentId: 'agt_crm', keyId: 'k1', key: privateKey }
  const agentFetch = createAgentFetch({ ...key, origins: [origin], clock })
  return read(await agentFetch(`${origin}/orders`))
}

async function read(response: Response): Promise<Answer> {
  const [deprecation, sunset, retryAfter] = ['deprecation', 'sunset', 'retry-after'].map((name) =>
    response.headers.get(name),
  )
  const body = JSON.parse(await response.text())
  return {
    status: response.status,
    deprecation: deprecation ?? null,
    sunset: sunset ?? null,
    retryAfter: retryAfter ?? null,
    body,
  }
}

async function listen(
  create: (origin: () => string) => RequestListener,
): Promise<{ origin: string; close: () => Promise<void> }> {
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const server = createServer((req, res) => listener(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const listener = create(origin)
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { origin: origin(), close }
}

for (const [framework, create] of [
  ['Express', createExpressApp],
  ['Koa', createKoaApp],
] as const) {
  console.log(`\n${framework}`)
  await playDays(framework, create)
}
rmSync(folder, { recursive: true })
