import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { startServer } from '@countermark/testing'
import { CompactSign, SignJWT } from 'jose'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller } from './token-call.ts'
import { CLAIMS, createTestIssuer, type Members } from './token-issuer.ts'

const { issuer, codeOf, codeOfHeader } = useOneIssuer()

/** Header and payload as given, whatever the signature. */
function assemble(header: Members, signature = 'AAAA', claims: Members = {}): string {
  const parts = [header, { iss: issuer().issuer, ...CLAIMS, ...claims }]
  const [first, second] = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  return `${first}.${second}.${signature}`
}

describe('an attacker who changes the algorithm (A1, A2, A3)', () => {
  it.each(['raw', 'der', 'pem', 'pem with a blank', 'jwk'])(
    'cannot use the public key as a secret: %s',
    async (form) => {
      const [jwk] = issuer().jwks.keys
      const x = String(jwk?.x)
      const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(x, 'base64url')])
      const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`
      const secrets: Record<string, Buffer> = { raw: Buffer.from(x, 'base64url'), der, pem: Buffer.from(pem) }
      const secret = secrets[form] ?? Buffer.from(form === 'jwk' ? JSON.stringify(jwk) : ` ${pem}`)
      const token = await new SignJWT({ iss: issuer().issuer, ...CLAIMS })
        .setProtectedHeader({ alg: 'HS256', kid: issuer().keyId, typ: 'at+jwt' })
        .sign(secret.length < 32 ? Buffer.concat([secret, Buffer.alloc(32)]) : secret)
      expect(await codeOf(token)).toBe('token_invalid')
    },
  )

  it.each(['none', 'None', 'nOnE', 'eddsa', 'HS256', 'ES256', ''])('cannot name %s', async (alg) => {
    expect(await codeOf(assemble({ alg, kid: issuer().keyId, typ: 'at+jwt' }))).toBe('token_invalid')
  })

  it('cannot leave the signature out', async () => {
    const [header, payload] = (await issuer().mint()).split('.')
    expect(await codeOf(`${header}.${payload}.`)).toBe('token_malformed')
    expect(await codeOf(`${header}.${payload}`)).toBe('token_malformed')
  })

  it('cannot use a key with another algorithm than it is published for', async () => {
    const rsa = await createTestIssuer('RS256')
    const options = rsa.options({ algorithms: ['PS256', 'RS256'] })
    const caller = createTokenCaller([], { issuers: [options] })
    const claims = JSON.stringify({ iss: rsa.issuer, ...CLAIMS })
    const forged = await new CompactSign(Buffer.from(claims))
      .setProtectedHeader({ alg: 'PS256', kid: rsa.keyId, typ: 'at+jwt' })
      .sign(rsa.privateKey)
    expect(await caller.codeOf({ token: forged })).toBe('token_invalid')
    expect(await caller.codeOf({ token: await rsa.mint() })).toBe('accepted')
  })

  it('cannot choose an algorithm that the issuer does not use for a key that states none', async () => {
    const rsa = await createTestIssuer('RS256')
    const unstated = { keys: rsa.jwks.keys.map(({ alg: _alg, ...key }) => key) }
    const callerWith = (algorithms: readonly ('PS256' | 'RS256')[]) =>
      createTokenCaller([], { issuers: [{ issuer: rsa.issuer, keys: { jwks: unstated }, algorithms }] })
    expect(await callerWith(['PS256']).codeOf({ token: await rsa.mint() })).toBe('token_invalid')
    expect(await callerWith(['PS256', 'RS256']).codeOf({ token: await rsa.mint() })).toBe('accepted')
  })
})

describe('an attacker who brings a key along (A4)', () => {
  it.each(['jwk', 'jku', 'x5u', 'x5c'])('gets nowhere with %s, and nothing is fetched', async (member) => {
    let requests = 0
    const server = await startServer((_request, response) => {
      requests++
      response.end('{}')
    })
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const values: Members = { jwk: publicKey.export({ format: 'jwk' }), x5c: ['AAAA'] }
    const header = { kid: 'mine', [member]: values[member] ?? `${server.origin}/jwks` }
    const token = await signWith(privateKey, header)
    expect(await codeOf(token)).toBe('token_malformed')
    expect(requests).toBe(0)
    await server.close()
  })

  function signWith(key: KeyObject, header: Members): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify({ iss: issuer().issuer, ...CLAIMS })))
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', ...header })
      .sign(key)
  }
})

describe('an attacker who writes something odd as kid (A5)', () => {
  it.each(['../../dev/null', "' OR 1=1--", '__proto__', 'constructor', 'toString', 'http://127.0.0.1:1/k'])(
    'finds no key: %s',
    async (kid) => expect(await codeOfHeader({ kid })).toBe('token_invalid'),
  )

  it.each([[''], ['k'.repeat(257)], ['\u0000'], ['é'], [7], [null], [true], [['EdDSA-1']], [{ a: 1 }]])(
    'is no key id: %j',
    async (kid) => expect(await codeOfHeader({ kid })).toBe('token_malformed'),
  )
})

describe('the header', () => {
  it.each([{ crit: ['foo'], foo: 1 }, { crit: [] }, { b64: false, crit: ['b64'] }, { b64: true }, { zip: 'DEF' }])(
    'must not change how the token is read (A6): %j',
    async (header) => {
      const { crit, ...rest } = header as { crit?: string[] }
      const token = assemble({ alg: 'EdDSA', kid: issuer().keyId, typ: 'at+jwt', ...rest, ...(crit ? { crit } : {}) })
      expect(await codeOf(token)).toBe('token_malformed')
    },
  )

  it.each(['JWT', 'dpop+jwt', 'logout+jwt', 'statuslist+jwt', 'at', 'at+jwt ', undefined])(
    'must name an accepted type (A10): %s',
    async (typ) => expect(await codeOfHeader({ typ })).toBe('token_invalid'),
  )

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt'])('may write the type as %s', async (typ) => {
    expect(await codeOfHeader({ typ })).toBe('accepted')
  })

  it('may leave the type out where an issuer is configured so', async () => {
    expect(await codeOf(await issuer().mint({}, { typ: undefined }), { types: ['none'] })).toBe('accepted')
    expect(await codeOf(await issuer().mint({}, { typ: 'none' }), { types: ['none'] })).toBe('token_invalid')
  })

  it('may leave the key id out where the issuer has one key for the algorithm', async () => {
    expect(await codeOfHeader({ kid: undefined })).toBe('accepted')
  })
})

describe('where the type says little', () => {
  it.each(['nonce', 'at_hash', 'c_hash', 's_hash', 'events', 'htm', 'ath', 'status_list'])(
    'a token with %s is of another kind',
    async (claim) => {
      const token = await issuer().mint({ [claim]: 'x' }, { typ: 'JWT' })
      expect(await codeOf(token, { types: ['JWT'] })).toBe('token_invalid')
      expect(await codeOf(token, { types: ['JWT'], idTokens: 'accept' })).toBe('accepted')
    },
  )
})

describe('the text of a token', () => {
  it('has one spelling', async () => {
    const token = await issuer().mint()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const last = signature.slice(-1)
    const malleated = String.fromCharCode(last.charCodeAt(0) + 1)
    for (const text of [`${token}=`, `${token}==`, `${header}.${payload}.${signature.slice(0, -1)}${malleated}`]) {
      expect(await codeOf(text)).toBe('token_malformed')
    }
    expect(await codeOf(token)).toBe('accepted')
  })

  it('ends with its third part', async () => {
    const token = await issuer().mint()
    for (const more of ['.', '.AAAA', '.AAAA.AAAA']) expect(await codeOf(`${token}${more}`)).toBe('token_malformed')
  })

  it.each(['', '..', '...', '.'.repeat(5000), 'a.b.c', 'a.b.c.d.e', '{"payload":"","signatures":[]}'])(
    'that is no compact JWS: %s',
    async (text) => expect(await codeOf(text)).toBe('token_malformed'),
  )

  it.each(['[1,2]', 'null', '"text"', 'not json', '{"a":1} trailing', '{"a":'])('that holds %s', async (payload) => {
    expect(await codeOf(await issuer().mintRaw(payload))).toBe('token_malformed')
  })

  it('that is not UTF-8', async () => {
    const payload = Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url')
    expect(await codeOf(`${Buffer.from('{"alg":"EdDSA"}').toString('base64url')}.${payload}.AAAA`)).toBe(
      'token_malformed',
    )
  })

  it('may not be longer than 8 KB', async () => {
    const token = await issuer().mint({ pad: 'x'.repeat(9000) })
    expect(await codeOf(token)).toBe('request_malformed')
  })
})

describe('a signature', () => {
  it.each(['sub', 'scope', 'exp', 'act', 'aud'])('ends when %s is changed', async (claim) => {
    const [header, payload = '', signature] = (await issuer().mint()).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const changed = Buffer.from(JSON.stringify({ ...claims, [claim]: claims[claim] })).toString('base64url')
    expect(changed).toBe(payload)
    const forged = Buffer.from(JSON.stringify({ ...claims, [claim]: 'changed' })).toString('base64url')
    expect(await codeOf(`${header}.${forged}.${signature}`)).toBe('token_invalid')
  })
})
