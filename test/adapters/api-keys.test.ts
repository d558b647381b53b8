import { type ApiKeyRecord, type ApiKeysOptions, apiKeys, hashApiKey } from '@countermark/api-keys'
import { auditTrail } from '@countermark/audit'
import type { AuditSink } from '@countermark/audit/sinks'
import type { GuardOptions, HeaderField, RefusalRow } from '@countermark/core'
import { REFUSAL_CODES, type RouteOptions } from '@countermark/core/internal'
import type { AdapterUnderTest, RawResponse } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const KEY = 'ak_live_2h7Qw9xZ4mN8'
const RECORDS = new Map<string, ApiKeyRecord>(
  [
    [KEY, 'agt_legacy'] as const,
    ['ak_suspended', { id: 'agt_gone', state: 'suspended' }] as const,
    ['ak_registered', 'agt_buyer'] as const,
  ].map(([key, agent]) => [hashApiKey(key), { sha256: hashApiKey(key), agent }]),
)
const lookup: ApiKeysOptions['lookup'] = (sha256) => RECORDS.get(sha256)
const MINUTE = 60_000
const DAY = 1440 * MINUTE
const PAGE = 'https://api.example.com/docs/keys'

function at(ms: number): string {
  return new Date(Date.now() + ms).toISOString()
}

const ANNOUNCED = { deprecated: at(-30 * DAY), sunset: at(30 * DAY), documentation: PAGE }
const BROWNED = { ...ANNOUNCED, brownouts: [{ from: at(-MINUTE), minutes: 10 }] }
const ENDED = { ...ANNOUNCED, sunset: at(-MINUTE) }

interface Input {
  readonly keys?: Partial<ApiKeysOptions>
  readonly options?: Partial<GuardOptions>
  readonly route?: RouteOptions
}

const withKey = (key = KEY, ...more: readonly HeaderField[]) => ({ headers: [['X-API-Key', key] as const, ...more] })
const codeOf = (response: RawResponse): unknown => problemOf(response)['code']

function describeApiKeys<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`API keys behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    const startBoth = ({ keys = {}, options = {}, route = {} }: Input = {}): Promise<GuardedApp> =>
      start({
        options: { sourceLimit: 'off', ...options },
        build: ({ app, guard, checks, handler }) => {
          app.use(guard.with({ optional: true })(checks.verify, checks.once))
          app.use(guard.with(route)(apiKeys({ lookup, ...keys })))
          app.use(handler)
        },
      })

    it('identifies the agent that holds the key', async () => {
      const app = await startBoth()
      const response = await app.sendPlain(withKey())
      expect([response.status, app.runs[0]?.agent]).toMatchObject([
        200,
        { id: 'agt_legacy', level: 'identified', scheme: 'api-key' },
      ])
    })

    it('takes the key from where the service has always read it', async () => {
      const app = await startBoth({ keys: { header: 'Authorization: ApiKey' } })
      const ask = (value: string) => app.sendPlain({ headers: [['Authorization', value]] })
      expect((await ask(`apikey ${KEY}`)).status).toBe(200)
      expect([codeOf(await ask(`ApiKey ${KEY} x`)), codeOf(await ask(`Bearer ${KEY}`))]).toEqual([
        'api_key_unknown',
        'credentials_missing',
      ])
    })

    it('refuses methods that change something, except where a route says so by name', async () => {
      const post = { ...withKey(), method: 'POST', body: Buffer.from('{}') }
      const everywhere = await startBoth()
      const named = await startBoth({ route: { minimumLevel: 'identified' } })
      const refused = await everywhere.sendPlain(post)
      expect([refused.status, codeOf(refused), (await named.sendPlain(post)).status]).toEqual([
        401,
        'scheme_not_allowed',
        200,
      ])
    })

    it('goes by the signature of a request that has one, whatever key it carries besides', async () => {
      const app = await startBoth({ keys: ENDED })
      const response = await app.send({ method: 'POST', body: '{}', headers: { 'X-API-Key': KEY } })
      expect([response.status, app.runs[0]?.agent]).toMatchObject([200, { id: 'agt_buyer', level: 'signed' }])
      expect(response.header('deprecation')).toBeUndefined()
    })

    it('does not fall back to a key when the signature is wrong', async () => {
      const app = await startBoth()
      const headers = { 'X-API-Key': KEY }
      const response = await app.send({ headers, tamper: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } })
      expect([response.status, codeOf(response), app.runs.length]).toEqual([401, 'signature_invalid', 0])
    })

    it('asks for a signature where there is neither, and after the end', async () => {
      const app = await startBoth({ keys: ENDED })
      for (const response of [await app.sendPlain(), await app.sendPlain(withKey())]) {
        expect([response.status, response.header('www-authenticate')]).toEqual([
          401,
          expect.stringContaining('Signature realm="api.example.com"'),
        ])
      }
    })

    it('says in every answer to a key since when it is deprecated, when it ends and where to read on', async () => {
      const app = await startBoth({ keys: ANNOUNCED })
      const response = await app.sendPlain(withKey())
      expect([response.header('deprecation'), response.header('sunset'), response.header('link')]).toEqual([
        `@${Math.floor(Date.parse(ANNOUNCED.deprecated) / 1000)}`,
        new Date(ANNOUNCED.sunset).toUTCString(),
        `<${PAGE}>; rel="deprecation", <${PAGE}>; rel="sunset"`,
      ])
    })

    it('announces nothing where the guard only observes, and nothing to callers that signed', async () => {
      const observing = await startBoth({ keys: ANNOUNCED, options: { mode: 'observe' } })
      const enforcing = await startBoth({ keys: ANNOUNCED })
      for (const response of [await observing.sendPlain(withKey()), await enforcing.send({})]) {
        expect([response.status, ...['deprecation', 'sunset', 'link'].map(response.header)]).toEqual([
          200,
          undefined,
          undefined,
          undefined,
        ])
      }
    })

    it('refuses keys during a brownout, says until when, and who it was', async () => {
      const app = await startBoth({ keys: BROWNED })
      const response = await app.sendPlain(withKey())
      const wait = Number(response.header('retry-after'))
      expect([response.status, codeOf(response), wait > 480 && wait <= 540]).toEqual([403, 'api_key_brownout', true])
      expect(problemOf(response)['sunset']).toBe(ANNOUNCED.sunset.replace('.000Z', 'Z'))
      expect(response.header('sunset')).toBe(new Date(ANNOUNCED.sunset).toUTCString())
      expect(app.observer.decisions.at(-1)?.refusal).toMatchObject({ claimedAgent: 'agt_legacy' })
    })

    it('refuses keys after the sunset', async () => {
      const app = await startBoth({ keys: ENDED })
      const response = await app.sendPlain(withKey())
      expect([response.status, codeOf(response), app.runs.length]).toEqual([401, 'api_key_sunset', 0])
      expect(app.observer.decisions.at(-1)?.refusal).toMatchObject({ claimedAgent: 'agt_legacy' })
    })

    it('lets signed requests pass during a brownout', async () => {
      const app = await startBoth({ keys: BROWNED })
      expect((await app.send({ headers: { 'X-API-Key': KEY } })).status).toBe(200)
    })

    it.each([
      ['standard', undefined],
      ['wba', 'wba'],
      ['seed', 'seed'],
    ] as const)('answers with the status of the table: %s', async (statusMode, column) => {
      const cases = [
        ['api_key_unknown', {}, 'ak_unknown'],
        ['api_key_brownout', BROWNED, KEY],
        ['api_key_sunset', ENDED, KEY],
      ] as const
      for (const [code, keys, key] of cases) {
        const row: RefusalRow = REFUSAL_CODES[code]
        const response = await (await startBoth({ keys, options: { statusMode } })).sendPlain(withKey(key))
        const status = (column === undefined ? undefined : row[column]) ?? row.status
        expect([codeOf(response), response.status]).toEqual([code, status])
        expect(response.header('retry-after') !== undefined).toBe(row.retry === 'later')
      }
    })

    it('refuses suspended agents, by the lookup and by the source of agents', async () => {
      const suspended = { id: 'agt_buyer', state: 'suspended' } as const
      const agents = { name: 'test', findKeys: () => [], findAgent: () => suspended }
      const own = await (await startBoth()).sendPlain(withKey('ak_suspended'))
      const asked = await (await startBoth({ keys: { agents } })).sendPlain(withKey('ak_registered'))
      expect([own, asked].map((response) => [response.status, codeOf(response)])).toEqual([
        [403, 'agent_suspended'],
        [403, 'agent_suspended'],
      ])
    })

    it.each<[string, ApiKeysOptions['lookup']]>([
      ['throws', () => Promise.reject(new Error('no connection'))],
      ['does not answer in time', () => new Promise(() => undefined)],
    ])('answers 503 when the lookup %s', async (_how, failing) => {
      const app = await startBoth({ keys: { lookup: failing, deadlineMs: 20 } })
      const response = await app.sendPlain(withKey())
      expect([response.status, codeOf(response), response.header('retry-after')]).toEqual([
        503,
        'key_source_unavailable',
        '1',
      ])
    })

    it.each<[string, unknown]>([
      ['no hash', { agent: 'agt_legacy' }],
      ['the key itself', { sha256: KEY, agent: 'agt_legacy' }],
      ['no agent', { sha256: hashApiKey(KEY) }],
    ])('is misconfigured when the lookup answers with %s', async (_what, record) => {
      const app = await startBoth({ keys: { lookup: () => record as ApiKeyRecord } })
      const response = await app.sendPlain(withKey())
      expect([response.status, codeOf(response), app.runs.length]).toEqual([500, 'config_error', 0])
      expect(app.warnings.map(({ message }) => message).join()).toMatch(/lookup must/)
    })

    it('counts who still comes with a key and who has moved', async () => {
      const app = await startBoth({ keys: ANNOUNCED })
      await app.sendPlain(withKey())
      await app.sendPlain(withKey())
      await app.sendPlain(withKey('ak_unknown'))
      await app.send({})
      const total = (labels: Record<string, string>) => app.observer.total('api_key_requests_total', labels)
      expect([
        total({ agent: 'agt_legacy', result: 'accepted' }),
        total({ agent: 'agt_buyer', result: 'migrated' }),
        total({}),
        app.observer.total('api_key_lookups_total', { result: 'unknown' }),
      ]).toEqual([2, 1, 3, 1])
    })

    it('counts a key as moved once its caller signs, not where two guards look at it', async () => {
      const app = await start({
        build: ({ app, guard, handler }) => {
          app.use(guard(apiKeys({ lookup })))
          app.use(guard(apiKeys({ lookup })))
          app.use(handler)
        },
      })
      expect((await app.sendPlain(withKey())).status).toBe(200)
      expect(
        ['accepted', 'migrated'].map((result) => app.observer.total('api_key_requests_total', { result })),
      ).toEqual([1, 0])
    })

    it('leaves no key in a record', async () => {
      const lines: string[] = []
      const append: AuditSink['append'] = async (records) => void lines.push(...records.map(({ line }) => line))
      const trail = auditTrail({ sinks: [{ name: 'memory', durable: true, append }], flushMs: 0 })
      const app = await startBoth({ keys: ANNOUNCED, options: { recorder: trail } })
      await app.sendPlain({ ...withKey(), target: `/?api_key=${KEY}` })
      await app.sendPlain(withKey('ak_unknown_9'))
      await app.send({ headers: { 'X-API-Key': KEY }, components: ['@method', '@authority', '@path', 'x-api-key'] })
      await trail.close()
      const text = lines.join('\n')
      expect(text).toContain('"scheme":"api-key"')
      expect(text).toContain('"code":"api_key_unknown"')
      for (const secret of [KEY, 'ak_unknown_9', hashApiKey(KEY)]) expect(text).not.toContain(secret)
    })

    describe('an attacker', () => {
      it.each<[string, readonly HeaderField[]]>([
        ['twice', [['X-API-Key', 'ak_other']]],
        ['under another spelling', [['X_API_Key', 'ak_other']]],
      ])('cannot present a key %s', async (_how, more) => {
        const app = await startBoth()
        const response = await app.sendPlain(withKey(KEY, ...more))
        expect([response.status, codeOf(response)]).toEqual([400, 'request_malformed'])
      })

      it('cannot double the field that this service has chosen', async () => {
        const app = await startBoth({ keys: { header: 'X-Shop-Key' } })
        const headers: readonly HeaderField[] = [
          ['X-Shop-Key', KEY],
          ['x-shop-key', 'ak_other'],
        ]
        expect(codeOf(await app.sendPlain({ headers }))).toBe('request_malformed')
      })

      it('does not pass as the owner of the row that a careless lookup answers with', async () => {
        const careless = { sha256: hashApiKey(KEY), agent: 'agt_legacy' }
        const app = await startBoth({ keys: { lookup: () => careless } })
        expect(codeOf(await app.sendPlain(withKey(KEY.toUpperCase())))).toBe('api_key_unknown')
      })

      it('is told the same where a database says null', async () => {
        for (const nothing of [() => null, async () => null]) {
          const app = await startBoth({ keys: { lookup: nothing } })
          expect(codeOf(await app.sendPlain(withKey()))).toBe('api_key_unknown')
        }
      })

      it('causes no look-up by what is no key', async () => {
        let asked = 0
        const counting = (): undefined => {
          asked += 1
        }
        const app = await startBoth({ keys: { lookup: counting } })
        for (const key of ['a b', 'x'.repeat(513), 'ümlaut']) {
          expect(codeOf(await app.sendPlain(withKey(key)))).toBe('api_key_unknown')
        }
        expect(asked).toBe(0)
      })

      it('learns nothing of the end by keys that are not known', async () => {
        const app = await startBoth({ keys: ENDED })
        expect(codeOf(await app.sendPlain(withKey('ak_unknown')))).toBe('api_key_unknown')
      })
    })

    it('tells scripts of other origins what they may read', async () => {
      const app = await startBoth({ keys: ENDED })
      const response = await app.sendPlain(withKey(KEY, ['Origin', 'https://app.example']))
      expect(response.header('access-control-expose-headers')).toMatch(/Deprecation, Sunset, Link/)
    })

    it('does not start in one guard with signatures, which refuse what is not signed', async () => {
      const inOne = start({
        build: ({ guard, checks }) => [guard(checks.verify, checks.once, apiKeys({ lookup }))],
      })
      await expect(inOne).rejects.toMatchObject({ code: 'ERR_CHECK_ORDER' })
    })
  })
}

describeApiKeys('Express 5', expressAdapter(express))
describeApiKeys('Express 4', expressAdapter(express4))
describeApiKeys('Koa 3', koaAdapter(Koa))
describeApiKeys('Koa 2', koaAdapter(Koa2))
