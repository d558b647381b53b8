import { createPrivateKey } from 'node:crypto'
import { isMisconfigured } from '@countermark/core'
import { createRevocations, type Revocations } from '@countermark/delegation'
import { agentKeyOf, createTestAgent, type TestAgent } from '@countermark/testing'
import { decodeJwt } from 'jose'
import { createTestIssuer, type TestIssuer } from '../../delegation/test/token-issuer.ts'
import {
  type AgentFetch,
  type AgentToken,
  createAgentFetch,
  handOn,
  readRefusal,
  type TokenSource,
} from '../src/index.ts'
import type { HandOnOptions } from '../src/tokens/hand-on.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type GuardedShop, startGuardedShop } from './guarded-shop.ts'

// A user lets agt_buyer read and write orders; agt_buyer hands reading on to agt_worker, which may hand it on to agt_helper.

let buyer: AgentWithKey
let worker: TestAgent
let helper: TestAgent
let issuer: TestIssuer
let shop: GuardedShop
let revocations: Revocations
let minted: number

beforeAll(async () => {
  issuer = await createTestIssuer()
  worker = await createTestAgent({ agentId: 'agt_worker' })
  helper = await createTestAgent({ agentId: 'agt_helper' })
})
beforeEach(async () => {
  buyer = await createAgentWithKey()
  revocations = createRevocations({ clock: buyer.clock })
  minted = 0
  const keys = [buyer.publicKey, agentKeyOf(worker), agentKeyOf(helper)]
  const { clock } = buyer
  shop = await startGuardedShop({ keys, issuers: [issuer.options()], clock, delegation: { revocations } })
})
afterEach(() => shop.close())

/** What the user gave agt_buyer; another one only when this one is refused. */
function usersToken(): TokenSource {
  let held: AgentToken | undefined
  return async ({ refused }) => {
    if (held !== undefined && held.value !== refused) return held
    const now = buyer.clock.seconds()
    const value = await issuer.mint({
      cnf: { jwk: buyer.agent.publicJwk },
      max_depth: 2,
      aud: ['https://api.example.com', 'https://other.example'],
      jti: `t${++minted}`,
      iat: now,
      exp: now + 600,
    })
    held = { value, scheme: 'Bearer', expiresAt: now + 600 }
    return held
  }
}

const privateKeyOf = (agent: TestAgent) => createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' })
const receiver = ({ agentId, publicJwk }: TestAgent) => ({ agentId, key: { ...publicJwk } })
const toWorker = (changes: Partial<HandOnOptions> = {}): TokenSource =>
  handOn({
    token: usersToken(),
    key: buyer.privateKey,
    to: receiver(worker),
    scopes: ['orders:read'],
    audience: 'https://api.example.com',
    clock: buyer.clock,
    ...changes,
  } as HandOnOptions)
const fetchAs = (agent: TestAgent, token: TokenSource): AgentFetch =>
  createAgentFetch({
    agentId: agent.agentId,
    key: privateKeyOf(agent),
    keyId: agent.keyId,
    clock: buyer.clock,
    origins: [shop.origin],
    token,
  })
const give = async (source: TokenSource, origin = shop.origin): Promise<AgentToken> => source({ origin })
const lastLink = ({ value }: AgentToken) => decodeJwt(value.split('~').at(-1) ?? '')

describe('a token that an agent hands on', () => {
  it('lets another agent act for the user, as far as was said', async () => {
    const workerFetch = fetchAs(worker, toWorker())
    const read = await workerFetch(`${shop.origin}/orders`)
    expect([read.status, await read.json()]).toMatchObject([200, { agent: 'agt_worker', subject: 'user_17' }])
    const written = await workerFetch(`${shop.origin}/orders`, { method: 'POST' })
    expect(await readRefusal(written)).toMatchObject({ code: 'insufficient_scope' })
  })

  it('is handed on again by the one that got it', async () => {
    const token = handOn({
      token: toWorker({ maxDepth: 1 }),
      key: privateKeyOf(worker),
      to: receiver(helper),
      scopes: ['orders:read'],
      clock: buyer.clock,
    })
    expect(await (await fetchAs(helper, token)(`${shop.origin}/orders`)).json()).toMatchObject({ agent: 'agt_helper' })
  })

  it('is data: it may be sent to an agent that is elsewhere', async () => {
    const sent = JSON.stringify(await give(toWorker()))
    const received: AgentToken = JSON.parse(sent)
    expect((await fetchAs(worker, () => received)(`${shop.origin}/orders`)).status).toBe(200)
  })

  it('is made with a key that is elsewhere', async () => {
    const { sign, publicJwk: publicKey } = buyer.agent
    const elsewhere = { key: undefined, sign, publicKey, algorithm: 'ed25519', keyId: 'kms-1' } as const
    const workerFetch = fetchAs(worker, toWorker(elsewhere as never))
    expect((await workerFetch(`${shop.origin}/orders`)).status).toBe(200)
  })

  it('counts for one service where its audience is what the service is', async () => {
    const token = toWorker({ audience: (origin) => origin })
    const [first, second] = [await give(token, 'https://api.example.com'), await give(token, 'https://other.example')]
    expect([lastLink(first).aud, lastLink(second).aud]).toEqual([
      ['https://api.example.com'],
      ['https://other.example'],
    ])
    expect(await give(token, 'https://api.example.com')).toEqual(first)
  })

  it('is made once, and again when half its life is over', async () => {
    const token = toWorker({ lifetimeSeconds: 60 })
    const first = await give(token)
    expect(first.expiresAt).toBe(buyer.clock.seconds() + 60)
    expect(await give(token)).toEqual(first)
    buyer.clock.advance(31_000)
    expect(await give(token)).toEqual(first)
    await new Promise(setImmediate)
    const next = await give(token)
    expect([next.value === first.value, lastLink(next).exp]).toEqual([false, buyer.clock.seconds() + 60])
  })

  it('ends with the token that it was made of', async () => {
    const token = toWorker({ lifetimeSeconds: 3600 })
    expect((await give(token)).expiresAt).toBe(buyer.clock.seconds() + 600)
  })

  it('is replaced with the token that it was made of', async () => {
    const workerFetch = fetchAs(worker, toWorker())
    await workerFetch(`${shop.origin}/orders`)
    revocations.apply({ type: 'token', issuer: issuer.issuer, tokenId: 't1' })
    expect((await workerFetch(`${shop.origin}/orders`)).status).toBe(200)
    expect([minted, shop.asked()]).toEqual([2, 3])
  })
})

describe('an attacker', () => {
  it('cannot use what was handed on to another agent', async () => {
    const response = await fetchAs(helper, toWorker())(`${shop.origin}/orders`)
    expect(response.status).toBe(401)
  })

  it('gets no more than its own agent has', async () => {
    const response = await fetchAs(worker, toWorker({ scopes: ['refunds:write'] }))(`${shop.origin}/orders`)
    expect(await readRefusal(response)).toMatchObject({ code: 'chain_invalid' })
  })

  it('cannot get back by a retry what was revoked', async () => {
    const token = toWorker({
      token: ((): TokenSource => {
        const source = usersToken()
        return ({ origin }) => source({ origin }) // has one token and no other
      })(),
    })
    const workerFetch = fetchAs(worker, token)
    await workerFetch(`${shop.origin}/orders`)
    revocations.apply({ type: 'token', issuer: 'agt_buyer', tokenId: String(lastLink(await give(token)).jti) })
    expect(await readRefusal(await workerFetch(`${shop.origin}/orders`))).toMatchObject({ code: 'token_revoked' })
    expect(shop.asked()).toBe(2)
  })
})

describe('handOn', () => {
  it.each([
    ['a misspelt option', { scope: [] }, 'ERR_OPTION_UNKNOWN'],
    ['no token', { token: undefined }, 'ERR_OPTION_MISSING'],
    ['a token that is no source', { token: 'a.b.c' }, 'ERR_OPTION_MISSING'],
    ['a life that is too long', { lifetimeSeconds: 86_401 }, 'ERR_OPTION_INVALID'],
    [
      'a key elsewhere whose public half is not given',
      { key: undefined, sign: () => new Uint8Array(64), algorithm: 'ed25519', keyId: 'k' },
      'ERR_OPTION_MISSING',
    ],
    [
      'a public half that is none',
      { key: undefined, sign: () => new Uint8Array(64), algorithm: 'ed25519', keyId: 'k', publicKey: 'x' },
      'ERR_KEY_MATERIAL',
    ],
  ])('does not start with %s', (_name, changes, code) => {
    let failure: unknown
    try {
      toWorker(changes as never)
    } catch (error) {
      failure = error
    }
    expect(isMisconfigured(failure) && failure.code).toBe(code)
  })
})
