import { generateKeyPairSync } from 'node:crypto'
import { countermark, memoryReplayStore, staticKeys } from 'countermark/express'
import express from 'express'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { SignJWT } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { signatureHeaders, verify as verifyWebBotAuth } from 'web-bot-auth'
import { signerFromJWK, verifierFromJWK } from 'web-bot-auth/crypto'
import type { CreateShop } from '../../examples/coming-from/compare.ts'
import { createApp as expressJwt } from '../../examples/coming-from/express-jwt/before.ts'
import { createApp as bearer } from '../../examples/coming-from/express-oauth2-jwt-bearer/before.ts'
import { createApp as koaJwt } from '../../examples/coming-from/koa-jwt/before.ts'
import { AUDIENCE } from '../../examples/coming-from/shop-settings.ts'
import { createWorld, listen, send, type World } from '../../examples/coming-from/world.ts'
import { createDpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { readPage } from '../support/page-blocks.ts'

// What docs/comparison.md says of others and marks as run here, in the versions that it names.

let world: World
let closing: (() => Promise<void>)[]

beforeEach(async () => {
  closing = []
  world = await createWorld()
})
afterEach(async () => {
  await Promise.all([...closing.map((close) => close()), world.close()])
})

async function start(create: CreateShop): Promise<number> {
  const { port, close } = await listen(create(world.settings))
  closing.push(close)
  return port
}

const now = (): number => Math.floor(Date.now() / 1000)

describe('the comparison', () => {
  it.each([
    'express-jwt',
    'express-oauth2-jwt-bearer',
    'koa-jwt',
    'http-message-signatures',
    'http-message-sig',
    'web-bot-auth',
    'jsonwebtoken',
  ])('names the version of %s that is installed', (name) => {
    const { version } = jest.requireActual(`${process.cwd()}/node_modules/${name}/package.json`)
    expect(readPage('comparison.md')).toMatch(new RegExp(`\\b${name}\`?\\)? ${version.replaceAll('.', '\\.')}\\b`))
  })
})

describe('middleware for tokens', () => {
  it('jsonwebtoken, on which express-jwt, koa-jwt and passport-jwt stand, knows no Ed25519', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)
    const pem = publicKey.export({ format: 'pem', type: 'spki' })
    const algorithms = ['EdDSA'] as unknown as jsonwebtoken.Algorithm[]
    expect(() => jsonwebtoken.verify(token, pem, { algorithms })).toThrow(/Unknown key type "ed25519"/)
  })

  it.each<[string, CreateShop]>([
    ['express-jwt', expressJwt],
    ['koa-jwt', (settings) => koaJwt(settings).callback()],
  ])('%s sends no challenge with its 401', async (_name, create) => {
    const port = await start(create)
    const response = await fetch(`http://127.0.0.1:${port}/orders`)
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, null])
  })
})

describe('the same DPoP proof, three times', () => {
  const prover = createDpopProver('P-256')

  const statuses = async (port: number, origin: string): Promise<readonly number[]> => {
    const token = await world.mint({ cnf: { jkt: prover.thumbprint } })
    const proof = await prover.prove({ token, at: now(), claims: { htu: `${origin}/orders` } })
    const headers = [
      ['Authorization', `DPoP ${token}`],
      ['DPoP', proof],
    ] as const
    const answers = []
    for (let i = 0; i < 3; i++) answers.push((await send(port, { method: 'GET', path: '/orders', headers })).status)
    return answers
  }

  it('is taken three times by express-oauth2-jwt-bearer', async () => {
    expect(await statuses(await start(bearer), 'http://shop.example.com')).toEqual([200, 200, 200])
  })

  it('is taken once by countermark', async () => {
    const port = await start(({ issuer, jwks }) => {
      const tokens = { issuer, keys: { jwks }, types: ['JWT'], actorClaims: ['azp'] }
      const delegation = { issuers: [tokens], audience: AUDIENCE, dpop: {} }
      const agents = countermark({ origins: [AUDIENCE], keys: staticKeys([]), replay: memoryReplayStore(), delegation })
      return express()
        .use(agents.withoutSignature())
        .get('/orders', (_req, res) => void res.json({}))
    })
    expect(await statuses(port, AUDIENCE)).toEqual([200, 401, 401])
  })
})

describe('libraries for signatures', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')

  it('http-message-signatures takes a signature over nothing, for any request, unless told what must be covered', async () => {
    const message = { method: 'GET', url: 'https://a.example/', headers: {} }
    const signed = await httpbis.signMessage({ key: createSigner(privateKey, 'ed25519', 'k'), fields: [] }, message)
    const other = { ...signed, method: 'DELETE', url: 'https://b.example/accounts/1' }
    const keyLookup = async () => ({ id: 'k', verify: createVerifier(publicKey, 'ed25519') })
    expect(await httpbis.verifyMessage({ keyLookup }, other)).toBe(true)
    expect(await httpbis.verifyMessage({ keyLookup }, other)).toBe(true)
    await expect(httpbis.verifyMessage({ keyLookup, requiredFields: ['@method'] }, other)).rejects.toThrow(
      /Missing required signed fields/,
    )
  })

  it('web-bot-auth takes a signature over the method alone, for another host, twice', async () => {
    const jwk = privateKey.export({ format: 'jwk' })
    const [created, expires] = [new Date((now() - 5) * 1000), new Date((now() + 60) * 1000)]
    const message = { method: 'GET', url: 'https://a.example/', headers: {} }
    const signer = await signerFromJWK(jwk)
    const fields = await signatureHeaders(message, signer, { created, expires, components: ['@method'] })
    const headers = { signature: fields.Signature, 'signature-input': fields['Signature-Input'] }
    const verifier = await verifierFromJWK(publicKey.export({ format: 'jwk' }))
    const other = { method: 'GET', url: 'https://b.example/secret', headers }
    await expect(verifyWebBotAuth(other, verifier)).resolves.toBeUndefined()
    await expect(verifyWebBotAuth(other, verifier)).resolves.toBeUndefined()
  })
})
