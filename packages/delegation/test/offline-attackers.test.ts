import type { OfflineDelegationOptions } from '../src/delegation-options.ts'
import { createDpopProver, type DpopProver } from './dpop-prover.ts'
import { useOfflineChain } from './offline-chain.ts'
import { AUDIENCE, type Members, NOW } from './token-issuer.ts'

const { buyer, worker, helper, mint, handOn, handOnAgain, codeOf, forge } = useOfflineChain()
const last = createDpopProver()

async function codeOfLink(claims: Members, header: Members = {}, key?: DpopProver): Promise<string> {
  return codeOf(await forge(claims, header, key))
}

describe('an attacker in the middle of a chain', () => {
  it.each<readonly [string, Members]>([
    ['more scopes', { scope: 'orders:read refunds:write' }],
    ['a longer life', { exp: NOW + 601 }],
    ['an earlier date', { iat: NOW - 31 }],
    ['more audiences', { aud: [AUDIENCE, 'https://dns.example.com'] }],
    ['the name of another agent', { iss: 'agt_clerk' }],
    ['itself', { sub: 'agt_buyer' }],
    ['its own key', { cnf: { jwk: buyer.jwk } }],
    ['no scope at all', { scope: undefined }],
    ['a list of scopes', { scope: ['orders:read'] }],
    ['no key', { cnf: { 'x5t#S256': 'x'.repeat(43) } }],
    ['an unknown claim', { only_on_sundays: true }],
    ['a depth that is none', { max_depth: -1 }],
    ['no end', { exp: undefined }],
  ])('cannot hand on with %s', async (_what, claims) => {
    expect(await codeOfLink(claims)).toBe('chain_invalid')
  })

  it.each<readonly [string, Members]>([
    ['type', { typ: 'at+jwt' }],
    ['key id', { kid: worker.thumbprint }],
    ['key id', { kid: undefined }],
    ['algorithm', { alg: 'ES256' }],
    ['algorithm', { alg: 'none' }],
    ['embedded key', { jwk: buyer.jwk }],
  ])('cannot use another %s', async (_what, header) => {
    expect(await codeOfLink({}, header)).toBe('chain_invalid')
  })

  it('cannot sign for another agent', async () => {
    expect(await codeOfLink({}, {}, worker)).toBe('chain_invalid')
    expect(await codeOfLink({}, { kid: worker.thumbprint }, worker)).toBe('chain_invalid')
  })

  it('cannot put a link behind another token, take one out, or turn them round', async () => {
    const [other, again] = [await mint({ jti: 'dlg_2' }), await handOnAgain()]
    const [token = '', first = '', second = ''] = again.split('~')
    expect(await codeOf(`${other}~${first}`)).toBe('chain_invalid')
    expect(await codeOf(`${token}~${second}`, ['agt_helper', helper])).toBe('chain_invalid')
    expect(await codeOf(`${token}~${second}~${first}`, ['agt_helper', helper])).toBe('chain_invalid')
    expect(await codeOf(again, ['agt_helper', helper])).toBe('accepted')
  })

  it('cannot use the token of the one before', async () => {
    const [token = ''] = (await handOn()).split('~')
    expect(await codeOf(token)).toBe('token_binding_mismatch')
  })

  it.each(['~', '~~', '~x', '~a.b.c'])('cannot append %s', async (tail) => {
    expect(await codeOf(`${await handOn()}${tail}`)).toBe('chain_invalid')
  })

  it('cannot hand on what is bound to no key', async () => {
    const token = await mint({ cnf: undefined })
    expect(await codeOf(await forge({}, {}, buyer, token))).toBe('chain_invalid')
  })

  it('cannot aim a link at a service it is not meant for', async () => {
    const aud = [AUDIENCE, 'https://dns.example.com']
    const token = await handOn({ token: await mint({ aud }), audience: 'https://dns.example.com' })
    expect(await codeOf(token)).toBe('token_audience')
    expect(await codeOf(await handOn({ token: await mint({ aud }), audience: [AUDIENCE] }))).toBe('accepted')
  })

  it('cannot use a token before its time by handing it on', async () => {
    expect(await codeOf(await handOn({ token: await mint({ nbf: NOW + 60 }) }))).toBe('token_expired')
  })

  it('cannot lift a restriction to networks by handing on', async () => {
    const token = await mint({ restrictip: '198.51.100.0/24' })
    expect(await codeOf(await handOn({ token }))).toBe('constraint_violation')
    expect(await codeOf(await forge({ restrictip: '198.51.100.1' }))).toBe('constraint_violation')
    expect(await codeOf(await forge({ restrictip: '192.0.2.0/24' }))).toBe('accepted')
    expect(await codeOf(await forge({ restrictip: '192.0.2.0/24' }, {}, buyer, token))).toBe('constraint_violation')
  })
})

describe('how often a token may be handed on', () => {
  const depth = (max_depth: number): Members => ({ authorization_details: [{ type: 'x', constraints: { max_depth } }] })

  it.each<readonly [string, Members, OfflineDelegationOptions, string]>([
    ['not at all when it does not say', { max_depth: undefined }, {}, 'chain_invalid'],
    ['as a guard says when it does not', { max_depth: undefined }, { maxLinksUnlessStated: 1 }, 'accepted'],
    ['not at all', { max_depth: 0 }, { maxLinksUnlessStated: 1 }, 'chain_invalid'],
    ['as a constraint says', { max_depth: undefined, ...depth(1) }, {}, 'accepted'],
    ['as the least says', { max_depth: 1, ...depth(0) }, {}, 'chain_invalid'],
    ['not at all when it says something odd', { max_depth: '2' }, {}, 'chain_invalid'],
  ])('is %s', async (_what, claims, offline, expected) => {
    const token = await handOn({ token: await mint(claims) })
    expect(await codeOf(token, undefined, { offline })).toBe(expected)
  })

  it('is up to each hand to lower', async () => {
    const closed = await handOn({ maxDepth: 0 })
    expect(await codeOf(await handOnAgain({ token: closed }), ['agt_helper', helper])).toBe('chain_invalid')
    const generous = await handOn({ token: await mint({ max_depth: 1 }), maxDepth: 9 })
    expect(await codeOf(await handOnAgain({ token: generous }), ['agt_helper', helper])).toBe('chain_invalid')
  })

  it('is never more than a guard takes', async () => {
    const token = await handOnAgain({
      token: await handOn({ token: await mint({ max_depth: 9 }), maxDepth: 9 }),
      maxDepth: 9,
    })
    const third = await handOn({ token, key: helper.privateKey, to: { agentId: 'agt_last', key: last.jwk } })
    expect(await codeOf(third, ['agt_last', last])).toBe('accepted')
    expect(await codeOf(third, ['agt_last', last], { maxDepth: 3 })).toBe('chain_invalid')
  })
})
