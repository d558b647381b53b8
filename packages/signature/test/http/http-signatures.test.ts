import { generateKeyPairSync } from 'node:crypto'
import { type AgentRequest, createHeaderFields, isRefusal } from '@countermark/core'
import { aRequest, createFakeClock, createTestAgent, createTestEnvironment, keySourceOf } from '@countermark/testing'
import type { TestJwk } from '../../../testing/src/agent/test-key.ts'
import type { HttpSignaturesOptions } from '../../src/http/settings.ts'
import { httpSignatures, SECURITY_FIELDS, signMessage } from '../../src/index.ts'
import { codeOf, judge, received, signedBy } from '../run-check.ts'

type ToSign = Parameters<typeof signedBy>[1]

const POST = { url: 'https://api.example.com/v1/refunds?dry_run=false', body: '{"amount":4200}' } as const
const JSON_POST = { ...POST, headers: { 'Content-Type': 'application/json' } } as const
const GET = { url: 'https://api.example.com/v1/orders' } as const

/** The code of a request signed by a known agent. */
async function verdict(request: ToSign, options?: HttpSignaturesOptions, afterMs = 0): Promise<string> {
  const { code } = await outcome(request, options, afterMs)
  return code
}

async function outcome(
  request: ToSign,
  options: HttpSignaturesOptions = {},
  afterMs = 0,
): Promise<{ readonly code: string; readonly level: string | undefined }> {
  const { agent, environment, clock } = await aScene()
  const agentRequest = await signedBy(agent, request)
  clock.advance(afterMs)
  const result = await judge(agentRequest, environment, { keys: keySourceOf(agent), accept: [httpSignatures(options)] })
  return isRefusal(result) ? { code: result.code, level: undefined } : { code: 'accepted', level: result.agent.level }
}

async function aScene() {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  return { clock, agent, environment: createTestEnvironment({ clock }) }
}

describe('httpSignatures', () => {
  it.each([
    ['GET', GET],
    ['GET with a query', { url: 'https://api.example.com/?a=1' }],
    ['GET with an empty query', { url: 'https://api.example.com/?' }],
    ['POST with a body', JSON_POST],
    ['POST without a body', { ...GET, method: 'POST' }],
    ['every security field', { ...JSON_POST, headers: { ...JSON_POST.headers, Authorization: 'Bearer t', DPoP: 'p' } }],
    ['the target URI', { ...GET, components: ['@method', '@target-uri', 'agent-id'] }],
    ['a sha-512 digest', { ...JSON_POST, digest: 'sha-512' }],
  ] as const)('accepts %s', async (_name, request) => expect(await verdict(request)).toBe('accepted'))

  describe('coverage', () => {
    const covered = ['@method', '@authority', '@path', '@query', 'content-digest', 'content-type', 'agent-id']

    it.each(covered)('refuses a signature that leaves out %s', async (left) => {
      const components = covered.filter((component) => component !== left)
      expect(await verdict({ ...JSON_POST, components })).toBe('coverage_insufficient')
    })

    it.each(SECURITY_FIELDS.filter((field) => !['content-type', 'agent-id'].includes(field)))(
      'refuses a signature that leaves out %s although it is sent',
      async (field) => {
        const request = { ...JSON_POST, headers: { ...JSON_POST.headers, [field]: 'x="y"' }, components: covered }
        expect(await verdict(request)).toBe('coverage_insufficient')
      },
    )

    it.each([
      ['content-digest', 'content-digest;key="sha-256"'],
      ['content-digest', 'content-digest;bs'],
      ['@authority', 'host'],
      ['@query', '@query-param;name="dry_run"'],
      ['@path', '@request-target'],
      ['content-type', 'content-type;bs'],
    ])('does not take %s for covered by %s', async (required, instead) => {
      const components = covered.map((component) => (component === required ? instead : component))
      expect(await verdict({ ...JSON_POST, components })).toBe('coverage_insufficient')
    })

    it('refuses a signature over nothing', async () => {
      expect(await verdict({ ...GET, components: [] })).toBe('coverage_insufficient')
    })

    it('does not ask for the content type of no content', async () => {
      const request = { ...GET, headers: { 'Content-Type': 'text/plain' } }
      expect(await verdict({ ...request, components: ['@method', '@authority', '@path', 'agent-id'] })).toBe('accepted')
    })

    it('refuses a body without a digest, on GET too', async () => {
      expect(await verdict({ ...JSON_POST, digest: null })).toBe('coverage_insufficient')
      expect(await verdict({ ...JSON_POST, method: 'GET', digest: null })).toBe('coverage_insufficient')
    })

    it('asks for more where the application wants more', async () => {
      expect(await verdict(GET, { coverage: { also: ['x-tenant'] } })).toBe('coverage_insufficient')
    })

    it('asks for less where the application names it', async () => {
      const components = ['@method', '@authority', '@path', '@query', 'content-digest']
      expect(await verdict({ ...JSON_POST, components }, { coverage: { whenPresent: [] } })).toBe('accepted')
    })

    it('lets a rule depend on the request and on the tag', async () => {
      const strict = { also: ['x-tenant'] }
      const coverage = (request: AgentRequest, tag: string | undefined) =>
        request.path.startsWith('/v1/refunds') && tag === 'agent-auth' ? strict : {}
      expect(await verdict(JSON_POST, { coverage })).toBe('coverage_insufficient')
      expect(await verdict(GET, { coverage })).toBe('accepted')
    })
  })

  describe('time', () => {
    it.each([
      ['299 s old', 299_000, 'accepted'],
      ['300 s old', 300_000, 'accepted'],
      ['301 s old', 301_000, 'signature_expired'],
    ])('judges a signature %s', async (_name, afterMs, expected) => {
      const created = createFakeClock().seconds()
      expect(await verdict({ ...GET, created, expires: created + 9999 }, {}, afterMs)).toBe(expected)
    })

    it.each([
      [30, 'accepted'],
      [31, 'signature_not_yet_valid'],
    ])('judges a signature dated %i s ahead', async (ahead, expected) => {
      expect(await verdict({ ...GET, created: createFakeClock().seconds() + ahead })).toBe(expected)
    })

    it('ends a signature where it says', async () => {
      expect(await verdict(GET, {}, 60_000)).toBe('accepted')
      expect(await verdict(GET, {}, 61_000)).toBe('signature_expired')
    })

    it('accepts no signature that ends before it begins', async () => {
      const created = createFakeClock().seconds()
      expect(await verdict({ ...GET, created, expires: created - 1 })).toBe('signature_expired')
    })

    it('needs both times, unless the end is optional', async () => {
      expect(await verdict({ ...GET, created: null })).toBe('signature_malformed')
      expect(await verdict({ ...GET, expires: null })).toBe('signature_malformed')
      expect(await verdict({ ...GET, expires: null }, { expires: 'optional' })).toBe('accepted')
    })

    it('limits the stated lifetime on request', async () => {
      expect(await verdict(GET, { maxLifetimeSeconds: 60 })).toBe('accepted')
      expect(await verdict(GET, { maxLifetimeSeconds: 59 })).toBe('signature_malformed')
    })
  })

  describe('parameters', () => {
    it.each([
      ['required', GET, 'nonce_missing'],
      ['required-unsafe', GET, 'accepted'],
      ['required-unsafe', JSON_POST, 'nonce_missing'],
      ['optional', JSON_POST, 'accepted'],
    ] as const)('with nonce %s judges a request without one', async (nonce, request, expected) => {
      expect(await verdict({ ...request, nonce: null }, { nonce })).toBe(expected)
    })

    it('of other libraries are taken by one name, and no others by it', async () => {
      const plain = { ...JSON_POST, tag: null, nonce: null, expires: null } as const
      expect(await verdict(plain)).not.toBe('accepted')
      expect(await verdict(plain, { profile: 'rfc9421' })).toBe('accepted')
      expect(await verdict({ ...plain, tag: 'their-app' }, { profile: 'rfc9421' })).toBe('accepted')
      expect(await verdict(plain, { profile: 'rfc9421', nonce: 'required' })).toBe('nonce_missing')
      expect(await verdict(plain, { profile: 'rfc9421' }, 301_000)).toBe('signature_expired')
      expect(await verdict({ ...plain, components: ['@method'] }, { profile: 'rfc9421' })).toBe('coverage_insufficient')
      expect(() => httpSignatures({ profile: 'other' as never })).toThrow('profile must be one of')
    })

    it('that are not known here are signed, kept and can be read', async () => {
      const { environment, clock } = await aScene()
      const { privateKey } = generateKeyPairSync('ed25519')
      const privateJwk = privateKey.export({ format: 'jwk' }) as TestJwk
      const agent = await createTestAgent({ agentId: 'agt_buyer', clock, privateJwk })
      const message = { method: 'GET', scheme: 'https', authority: 'api.example.com', target: '/' } as const
      const created = clock.wallMs() / 1000
      const { signatureInput, signature } = await signMessage(
        { ...message, headers: createHeaderFields([]) },
        {
          ...{
            key: privateKey,
            keyid: agent.keyId,
            tag: 'agent-auth',
            created,
            expires: created + 60,
            nonce: 'n',
          },
          components: ['@method', '@authority', '@path'],
          parameters: { 'wimse-aud': 'https://api.example.com', depth: 2, flag: true },
        },
      )
      const judged = (input: string) =>
        judge(
          aRequest({
            ...message,
            headers: [
              ['Signature-Input', input],
              ['Signature', signature],
            ],
          }),
          environment,
          { keys: keySourceOf(agent) },
        )
      const facts = await judged(signatureInput)
      const parameters = isRefusal(facts) ? undefined : facts.proof.parameters
      expect(['wimse-aud', 'depth', 'flag'].map((name) => parameters?.get(name))).toEqual([
        'https://api.example.com',
        2,
        true,
      ])
      expect(await judged(signatureInput.replace('https://api', 'https://evil'))).toMatchObject({
        code: 'signature_invalid',
      })
    })

    it.each([{ nonce: 'x' }, { Upper: 'x' }, { 'a b': 1 }, { a: 1.5 }, { a: 'é' }, { a: false }])(
      'of its own are not written as %j',
      async (parameters) => {
        const { privateKey } = generateKeyPairSync('ed25519')
        const message = { method: 'GET', scheme: 'https', authority: 'api.example.com', target: '/' } as const
        const options = { key: privateKey, keyid: 'k', components: ['@method'], parameters: parameters as never }
        const signing = async () => signMessage({ ...message, headers: createHeaderFields([]) }, options)
        await expect(signing()).rejects.toMatchObject({ code: 'signature_malformed' })
      },
    )

    it('takes no empty and no endless nonce', async () => {
      expect(await verdict({ ...GET, nonce: '' })).toBe('nonce_missing')
      expect(await verdict({ ...GET, nonce: 'x'.repeat(256) })).toBe('accepted')
      expect(await verdict({ ...GET, nonce: 'x'.repeat(257) })).toBe('signature_malformed')
    })

    it.each([null, '', 'x'.repeat(257)])('takes no keyid %.4s', async (keyId) => {
      expect(await verdict({ ...GET, keyId })).toBe('signature_malformed')
    })

    it.each(['__proto__', 'constructor', '../../etc/passwd', "' OR 1=1 --", 'https://evil.example/keys'])(
      'does not know the key %s',
      async (keyId) => expect(await verdict({ ...GET, keyId })).toBe('key_unknown'),
    )

    it.each([
      ['ed25519', 'accepted'],
      ['ecdsa-p256-sha256', 'algorithm_not_allowed'],
      ['hmac-sha256', 'algorithm_not_allowed'],
      ['rsa-v1_5-sha256', 'algorithm_not_allowed'],
      ['none', 'algorithm_not_allowed'],
      ['', 'algorithm_not_allowed'],
    ])('judges the stated algorithm "%s"', async (alg, expected) => {
      expect(await verdict({ ...GET, alg })).toBe(expected)
    })

    it.each([
      ['agent-auth', undefined, 'accepted'],
      [null, undefined, 'scheme_not_allowed'],
      ['app-123', undefined, 'scheme_not_allowed'],
      [null, ['agent-auth', undefined], 'accepted'],
      ['app-123', ['app-123'], 'accepted'],
      ['agent-auth', ['app-123'], 'scheme_not_allowed'],
      ['app-123', 'any', 'accepted'],
      [null, 'any', 'accepted'],
    ] as const)('judges the tag %s where %s is accepted', async (tag, tags, expected) => {
      expect(await verdict({ ...GET, tag }, tags === undefined ? {} : { tags })).toBe(expected)
    })
  })

  describe('Web Bot Auth', () => {
    const BARE = { ...GET, agentId: null, tag: 'web-bot-auth', components: ['@authority'], nonce: null } as const
    const AGENT = { 'Signature-Agent': 'sig1="https://agent.example"' }

    it('only identifies whoever signs no more than the authority', async () => {
      expect(await outcome(BARE)).toEqual({ code: 'accepted', level: 'identified' })
    })

    it('needs the sender to vouch for its own name, in either form', async () => {
      const named = { ...BARE, headers: AGENT }
      const components = ['@authority', 'signature-agent;key="sig1"']
      expect(await outcome(named)).toEqual({ code: 'coverage_insufficient', level: undefined })
      expect(await outcome({ ...named, components })).toEqual({ code: 'accepted', level: 'identified' })
      const legacy = { ...BARE, headers: { 'Signature-Agent': '"https://agent.example"' } }
      expect(await verdict({ ...legacy, components: ['@authority', 'signature-agent'] })).toBe('accepted')
    })

    it('trusts a signature that covers everything as any other', async () => {
      expect(await outcome({ ...GET, tag: 'web-bot-auth', headers: AGENT })).toEqual({
        code: 'accepted',
        level: 'signed',
      })
    })

    it('lasts to its end, a day at most', async () => {
      const created = createFakeClock().seconds()
      const long = { ...BARE, created, expires: created + 1_000_000 }
      expect(await verdict(long, {}, 86_400_000)).toBe('accepted')
      expect(await verdict(long, {}, 86_401_000)).toBe('signature_expired')
      expect(await verdict({ ...BARE, expires: null }, { expires: 'optional' })).toBe('signature_malformed')
    })

    it('does not do for another tag', async () => {
      expect(await verdict({ ...BARE, tag: 'agent-auth' })).toBe('coverage_insufficient')
    })
  })

  describe('several signatures', () => {
    it('judges each alone: a bad one spoils nothing', async () => {
      const { agent, environment } = await aScene()
      const request = await agent.signRequest({
        ...GET,
        tamper: { headerLines: (lines) => [...noise('x1'), ...noise('x2'), ...lines] },
      })
      expect(await codeOf(received(request), environment, keySourceOf(agent))).toBe('accepted')
    })

    it('looks at four labels at most', async () => {
      const { agent, environment } = await aScene()
      const extra = ['x1', 'x2', 'x3', 'x4'].flatMap(noise)
      const request = await agent.signRequest({ ...GET, tamper: { headerLines: (lines) => [...lines, ...extra] } })
      expect(await codeOf(received(request), environment, keySourceOf(agent))).toBe('signature_malformed')
    })

    it.each([
      ['Signature', 'zz=:AAAA:'],
      ['Signature-Input', 'zz=("@method");created=1'],
      ['Signature', 'sig1=:AAAA:'],
    ])('refuses a label that %s has alone or twice', async (name, value) => {
      const { agent, environment } = await aScene()
      const request = await agent.signRequest({ ...GET, tamper: { headerLines: (lines) => [...lines, [name, value]] } })
      expect(await codeOf(received(request), environment, keySourceOf(agent))).toBe('signature_malformed')
    })
  })

  it.each([
    { toleranceSeconds: 0 },
    { toleranceSeconds: Number.NaN },
    { futureSkewSeconds: -1 },
    { identifiedSeconds: 86_401 },
    { maxLifetimeSeconds: 0 },
    { tolerance: 300 },
    { tags: [] },
    { tags: [''] },
    { nonce: 'never' },
    { expires: true },
    { algorithms: [] },
    { algorithms: ['hmac-sha256'] },
    { coverage: { whenPresent: ['@method'] } },
    { coverage: { also: ['X Y'] } },
    { coverage: { body: 'optional' } },
    { coverage: { content: false } },
  ])('does not start with %j', (options) => {
    expect(() => httpSignatures(options as HttpSignaturesOptions)).toThrow(
      expect.objectContaining({ name: 'Misconfigured' }),
    )
  })
})

/** A signature by somebody else, with an accepted tag, that covers nothing. */
function noise(label: string): [string, string][] {
  return [
    ['Signature-Input', `${label}=("@unknown");created=1;keyid="x";tag="agent-auth"`],
    ['Signature', `${label}=:AAAA:`],
  ]
}
