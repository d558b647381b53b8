import { createFakeClock } from '@countermark/testing'
import { createRevocations, type RevocationEvent } from '../src/index.ts'
import type { RevocationsOptions } from '../src/revocation/revocations.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import { type Members, NOW } from './token-issuer.ts'

const { issuer } = useOneIssuer()
const KEY = 'k'.repeat(43)
const ISS = 'https://auth.example.com'

/** What becomes of a token after an event. */
async function codeAfter(event: RevocationEvent, claims: Members = {}, signer?: string): Promise<string> {
  const revocations = createRevocations({ clock: createFakeClock() })
  revocations.apply(event)
  const caller = createTokenCaller([issuer()], { revocations })
  const facts = signer === undefined ? {} : signedBy(signer, KEY)
  return caller.codeOf({ token: await issuer().mint(claims), facts })
}

const CHAIN = { act: { sub: 'agt_buyer', act: { sub: 'agt_clerk' } }, txn: 'txn_1' }

describe('a revocation', () => {
  it.each<readonly [string, RevocationEvent]>([
    ['the token', { type: 'token', issuer: ISS, tokenId: 'dlg_1' }],
    ['the token, by who and when', { type: 'token', issuer: ISS, subject: 'user_17', issuedAt: NOW }],
    ['the agent that acts', { type: 'agent', agentId: 'agt_buyer' }],
    ['an agent before it', { type: 'agent', agentId: 'agt_clerk' }],
    ['the user', { type: 'user', issuer: ISS, subject: 'user_17' }],
    ['the chain', { type: 'chain', issuer: ISS, transaction: 'txn_1' }],
    ['everything of the user until now', { type: 'user', issuer: ISS, subject: 'user_17', issuedBefore: NOW }],
  ])('of %s ends the token', async (_what, event) => {
    expect(await codeAfter(event, CHAIN)).toBe('token_revoked')
  })

  it.each<readonly [string, RevocationEvent]>([
    ['another token', { type: 'token', issuer: ISS, tokenId: 'dlg_2' }],
    ['the token of another issuer', { type: 'token', issuer: 'https://idp.example.org', tokenId: 'dlg_1' }],
    ['tokens of another second', { type: 'token', issuer: ISS, subject: 'user_17', issuedAt: NOW - 1 }],
    ['another user', { type: 'user', issuer: ISS, subject: 'user_18' }],
    ['what was issued before', { type: 'agent', agentId: 'agt_buyer', issuedBefore: NOW - 1 }],
    ['nothing', { type: 'alive' }],
  ])('of %s does not', async (_what, event) => {
    expect(await codeAfter(event, CHAIN)).toBe('accepted')
  })

  it('of a key ends what is bound to it, and what is signed with it', async () => {
    const event = { type: 'key', thumbprint: KEY } as const
    expect(await codeAfter(event, { cnf: { kid: KEY } }, 'agt_buyer')).toBe('token_revoked')
    expect(await codeAfter(event, {}, 'agt_buyer')).toBe('token_revoked')
  })

  it('of an agent counts for whatever the issuer calls it', async () => {
    const claims = { act: { sub: 'client-abc' }, cnf: { kid: KEY } }
    expect(await codeAfter({ type: 'agent', agentId: 'agt_buyer' }, claims, 'agt_buyer')).toBe('token_revoked')
  })

  it('reads names as they are: none is taken for another', async () => {
    const event = { type: 'user', issuer: 'a","b', subject: 'c' } as const
    const revocations = createRevocations()
    revocations.apply(event)
    expect(revocations.covers([{ issuedAt: 0, keys: ['["user","a","b","c"]'] }])).toBe(false)
  })
})

describe('the list of revocations', () => {
  function create(options: RevocationsOptions = {}): {
    readonly clock: ReturnType<typeof createFakeClock>
    readonly list: ReturnType<typeof createRevocations>
  } {
    const clock = createFakeClock()
    return { clock, list: createRevocations({ clock, ...options }) }
  }

  const token = (tokenId: string, expiresAt = NOW + 60): RevocationEvent => ({
    type: 'token',
    issuer: ISS,
    tokenId,
    expiresAt,
  })

  it('forgets what can no longer be alive when it needs the room, and nothing else', () => {
    const { clock, list } = create({ maxEntries: 2 })
    list.apply(token('a'))
    list.apply({ type: 'agent', agentId: 'agt_banned' })
    clock.advance(61_000)
    list.apply(token('b', NOW + 120))
    expect(list.size()).toBe(2)
    expect(list.covers([{ issuedAt: NOW, keys: ['["agent","agt_banned"]'] }])).toBe(true)
  })

  describe('that had to leave something out', () => {
    const named = (id: string): Parameters<ReturnType<typeof create>['list']['covers']>[0] => [
      { issuedAt: NOW, keys: [JSON.stringify(['token', ISS, id])] },
    ]
    const cannotTell = expect.objectContaining({ code: 'revocation_unavailable' })

    it('says of just that, that it cannot tell', () => {
      const { list } = create({ maxEntries: 1 })
      list.apply(token('a'))
      list.apply(token('b'))
      expect(() => list.covers(named('b'))).toThrow(cannotTell)
      expect([list.covers(named('a')), list.covers(named('c')), list.size()]).toEqual([true, false, 2])
    })

    it('forgets it once it has ended, and has room again', () => {
      const { clock, list } = create({ maxEntries: 1 })
      list.apply(token('a'))
      list.apply(token('b'))
      clock.advance(61_000)
      expect([list.covers(named('b')), list.size()]).toEqual([false, 1])
      list.apply(token('c', NOW + 120))
      expect([list.covers(named('c')), list.covers(named('d')), list.size()]).toEqual([true, false, 1])
    })

    it('never forgets what does not end, also when all else has', () => {
      const { clock, list } = create({ maxEntries: 1 })
      for (const id of ['a', 'b']) list.apply(token(id))
      list.apply({ type: 'agent', agentId: 'agt_banned' })
      clock.advance(7 * 86_400_000)
      expect(() => list.covers([{ issuedAt: NOW, keys: ['["agent","agt_banned"]'] }])).toThrow(cannotTell)
      expect(list.covers(named('b'))).toBe(false)
    })

    it('never lets one of them pass, and nearly all others', () => {
      const { list } = create({ maxEntries: 1_000 })
      const ids = Array.from({ length: 2_000 }, (_id, index) => `t${index}`)
      for (const id of ids) list.apply(token(id))
      const passes = (id: string): boolean => {
        try {
          return !list.covers(named(id))
        } catch {
          return false
        }
      }
      expect(ids.filter(passes)).toEqual([])
      expect(ids.filter((id) => passes(`other ${id}`)).length).toBeGreaterThan(1_990)
    })
  })

  it('does not let a later event take back what an earlier one said', () => {
    const { list } = create()
    list.apply({ type: 'agent', agentId: 'agt_a' })
    list.apply({ type: 'agent', agentId: 'agt_a', issuedBefore: NOW - 10 })
    expect(list.covers([{ issuedAt: NOW, keys: ['["agent","agt_a"]'] }])).toBe(true)
  })

  it.each([
    null,
    {},
    { type: 'everything' },
    { type: 'token', issuer: ISS },
    { type: 'agent', agentId: '' },
    { type: 'key', thumbprint: 7 },
    { type: 'user', subject: 'user_17' },
    { type: 'agent', agentId: 'agt_a', issuedBefore: 'now' },
    { type: 'token', issuer: ISS, tokenId: 'a', expiresAt: Number.NaN },
  ])('takes over nothing that it does not understand: %j', (event) => {
    expect(() => create().list.apply(event as RevocationEvent)).toThrow(TypeError)
  })

  it.each([{ maxEntries: 0 }, { staleAfterSeconds: 0 }, { clock: {} }, { stale: 1 }])(
    'checks its options: %j',
    (options) => {
      expect(() => createRevocations(options as RevocationsOptions)).toThrow(TypeError)
    },
  )
})

describe('a silent feed', () => {
  it('stops what changes something; what only reads goes on', async () => {
    const clock = createFakeClock()
    const revocations = createRevocations({ clock, staleAfterSeconds: 60 })
    const caller = createTokenCaller([issuer()], { revocations })
    const token = await issuer().mint()
    const post = { token, request: { method: 'POST' } }
    clock.advance(60_000)
    expect(await caller.codeOf(post)).toBe('accepted')
    clock.advance(1)
    expect([await caller.codeOf(post), await caller.codeOf({ token })]).toEqual(['revocation_unavailable', 'accepted'])
    revocations.apply({ type: 'alive' })
    expect(await caller.codeOf(post)).toBe('accepted')
  })
})

describe('restrictip', () => {
  async function codeFrom(restrictip: unknown, remoteAddress: string | undefined): Promise<string> {
    const request = remoteAddress === undefined ? { remoteAddress: 'unknown' } : { remoteAddress }
    return createTokenCaller([issuer()]).codeOf({ token: await issuer().mint({ restrictip }), request })
  }

  it.each<readonly [unknown, string, string]>([
    ['192.0.2.1', '192.0.2.1', 'accepted'],
    ['192.0.2.1', '::ffff:192.0.2.1', 'accepted'],
    ['192.0.2.1', '192.0.2.2', 'constraint_violation'],
    [['198.51.100.0/24', '192.0.2.0/28'], '192.0.2.15', 'accepted'],
    [['198.51.100.0/24', '192.0.2.0/28'], '192.0.2.16', 'constraint_violation'],
    ['2001:db8::/32', '2001:db8::7', 'accepted'],
    ['2001:db8::/32', '192.0.2.1', 'constraint_violation'],
    ['::/0', '192.0.2.1', 'constraint_violation'],
    ['::ffff:192.0.2.0/120', '192.0.2.255', 'accepted'],
    ['::ffff:192.0.2.0/120', '192.0.3.0', 'constraint_violation'],
    [[], '192.0.2.1', 'constraint_violation'],
    ['0300.0.2.1', '192.0.2.1', 'token_invalid'],
    ['192.0.2.1:80', '192.0.2.1', 'token_invalid'],
    [7, '192.0.2.1', 'token_invalid'],
    [null, '192.0.2.1', 'token_invalid'],
  ])('%j lets %s: %s', async (restrictip, address, expected) => {
    expect(await codeFrom(restrictip, address)).toBe(expected)
  })

  it('refuses who has no address', async () => {
    expect(await codeFrom('192.0.2.1', undefined)).toBe('constraint_violation')
  })
})
