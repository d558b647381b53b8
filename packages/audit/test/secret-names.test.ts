import { fileSink, SECRET_PARAMETERS } from '../src/index.ts'
import { maskSignatureBase, readDpopProof } from '../src/record/evidence.ts'
import { readDecision } from '../src/record/read-decision.ts'
import { SecretMask } from '../src/record/secret-mask.ts'
import { writeDecision } from '../src/record/write-decision.ts'
import { readTrailOptions } from '../src/trail/trail-options.ts'
import { aDecision } from './written-trail.ts'

const CANARY = 'c4n4ry5ecret'
const JWT = `eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.${CANARY}`
const secrets = new SecretMask(SECRET_PARAMETERS)

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'OAuth and OpenID Connect': [
    ...['access_token', 'refresh_token', 'id_token', 'id_token_hint', 'client_secret', 'client_assertion', 'code'],
    ...[
      'code_verifier',
      'device_code',
      'subject_token',
      'actor_token',
      'logout_token',
      'oauth_token',
      'oauth_signature',
    ],
  ],
  'API keys': [
    'api_key',
    'apikey',
    'apiKey',
    'x-api-key',
    'stripe_api_key',
    'subscription-key',
    'Ocp-Apim-Subscription-Key',
  ],
  'AWS signatures': ['X-Amz-Signature', 'X-Amz-Credential', 'X-Amz-Security-Token', 'AWSAccessKeyId'],
  'Google Cloud signatures': ['X-Goog-Signature', 'X-Goog-Credential', 'GoogleAccessId'],
  'Azure SAS': ['sig'],
  SAML: ['SAMLRequest', 'SAMLResponse', 'SAMLart', 'saml_response', 'wresult'],
  sessions: ['sid', 'session', 'sessionId', 'session_id', 'JSESSIONID', 'PHPSESSID', 'connect.sid', 'sessionToken'],
  passwords: ['password', 'PASSWORD', 'new_password', 'passwordConfirm', 'db.password', 'userPassword', 'pwd', 'otp'],
  'camel case': ['accessToken', 'refreshToken', 'clientSecret', 'idToken', 'privateKey', 'authToken', 'CSRFToken'],
  brackets: [
    'user[token]',
    'a%5Btoken%5D',
    'auth[access_token][]',
    'filter[clientSecret]',
    'a.b[apiKey]',
    'keys[0][api_key]',
  ],
  encodings: ['access%5Ftoken', 'access%255Ftoken', 'api%5Fkey'],
}

const PLAIN = [
  ...['limit', 'cursor', 'sort_key', 'primaryKey', 'keyword', 'tokenId', 'token_type', 'pageToken', 'next_page_token'],
  ...[
    'continuationToken',
    'zipcode',
    'inside',
    'design',
    'author',
    'passenger',
    'orderId',
    'q',
    'session_count',
    'max_tokens',
  ],
]

describe('a credential in a query', () => {
  it.each(Object.entries(NAMES).flatMap(([kind, names]) => names.map((name) => [kind, name])))(
    'is hidden by its name: %s, %s',
    (_kind, name) => {
      const hidden = secrets.maskText(`/orders/7?limit=1&${name}=${CANARY}&page=2`)
      expect([hidden, secrets.holdsSecret(`?${name}=${CANARY}`)]).toEqual([`/orders/7?limit=1&${name}=…&page=2`, true])
    },
  )

  it.each(PLAIN)('%s is none', (name) => {
    expect(secrets.holdsSecret(`/orders/7?${name}=value&${name}s=other`)).toBe(false)
  })

  it.each([
    ['a path', `/files;jsessionid=${CANARY}?page=1`],
    ['an address in a parameter', `/go?to=https://app.example/?access_token=${CANARY}`],
    ['an encoded address in a parameter', `/go?to=https%3A%2F%2Fapp.example%2F%3Faccess_token%3D${CANARY}`],
    ['one encoded twice', `/go?to=https%253A%252F%252Fapp.example%252F%253Faccess_token%253D${CANARY}`],
    ['JSON in a parameter', `/find?filter=%7B%22apiKey%22%3A%22${CANARY}%22%7D`],
    ['a token in the path', `/invitations/${JWT}/accept`],
    ['a token under any name', `/go?x=${JWT}`],
    ['a password in an address', `/go?to=https://user:${CANARY}@app.example/`],
    ['a fragment', `/go#access_token=${CANARY}`],
  ])('is hidden in %s', (_where, text) => {
    expect([secrets.maskText(text).includes(CANARY), secrets.holdsSecret(text)]).toEqual([false, true])
  })

  it('is one too under a name of your own, beside the kinds', () => {
    const own = new SecretMask(['invitation'])
    expect(own.maskText(`/?invitation=${CANARY}&accessToken=${CANARY}&code=1`)).toBe(
      '/?invitation=…&accessToken=…&code=1',
    )
  })
})

describe('a credential in what is signed', () => {
  it.each([
    ['a field of free text', `"agent-intent": pay with token=${CANARY}`],
    ['the address of an agent', `"signature-agent": "https://user:${CANARY}@agents.example"`],
    ['a parameter', `"@query-param";name="user%5Btoken%5D": ${CANARY}`],
    ['the target', `"@target-uri": https://api.example.com/x?clientSecret=${CANARY}`],
    ['the path', `"@path": /reset/${JWT}`],
    ['a field nobody knows', `"x-unheard-of": ${CANARY}`],
  ])('is replaced by its digest in %s', (_where, line) => {
    const { text, masked } = maskSignatureBase(`"@method": GET\n${line}\n"@signature-params": ()`, secrets)
    expect([text.includes(CANARY), masked.length]).toEqual([false, 1])
  })

  it.each(['"agent-intent": book a flight', '"user-agent": agent/1.0 (linux)', '"agent-id": agt_buyer'])(
    '%s stays as it is',
    (line) => {
      expect(maskSignatureBase(line, secrets)).toEqual({ text: line, masked: [] })
    },
  )

  it('in a claim of a DPoP proof leaves the proof out', () => {
    const part = (members: object): string => Buffer.from(JSON.stringify(members)).toString('base64url')
    const header = part({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'x' } })
    const proof = `${header}.${part({ jti: 'x', iat: 1, accessToken: CANARY })}.AAAA`
    expect(readDpopProof(proof, secrets)).toMatchObject({
      evidence: { grade: 'signature+token', masked: ['*'] },
      signed: expect.stringMatching(/^AAAA\nsha-256=:[^:]+:$/),
    })
  })
})

describe('a credential in a claim', () => {
  const { rules } = readTrailOptions({ sinks: [fileSink({ path: '/nowhere/audit.ndjson' })] })
  const { facts } = aDecision()

  it.each([
    ['subject', { subject: `https://issuer.example/?token=${CANARY}` }],
    ['issuer', { issuer: `https://user:${CANARY}@issuer.example` }],
    ['jti', { tokenId: JWT }],
    ['act', { actor: { id: `agt?client_secret=${CANARY}`, issuer: undefined } }],
    ['act of act', { priorActors: [{ id: `agt;sid=${CANARY}`, issuer: JWT }] }],
    ['scope', { scopes: ['orders:read', `upload:https://x.example/?X-Amz-Signature=${CANARY}`] }],
  ])('%s is hidden', (_claim, changes) => {
    const delegation = { ...(facts.delegation ?? {}), ...changes } as NonNullable<typeof facts.delegation>
    const decision = aDecision({ facts: { ...facts, delegation } })
    const unsealed = writeDecision(readDecision(decision, rules, undefined), 'x.1', rules.mask)
    expect(JSON.stringify(unsealed)).not.toContain(CANARY)
  })
})
