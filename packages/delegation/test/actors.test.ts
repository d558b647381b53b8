import type { Level } from '@countermark/core'
import { type IssuerOptions, permitsActor } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import { CLAIMS, type Members } from './token-issuer.ts'

const { issuer, codeOfClaims } = useOneIssuer()
const KEY = 'k'.repeat(43)
const ISS = 'https://auth.example.com'

/** `a` acts, through whose hands it went before stands behind it. */
function acts(...ids: readonly string[]): Members | undefined {
  return ids.reduceRight<Members | undefined>((act, sub) => ({ sub, ...(act === undefined ? {} : { act }) }), undefined)
}

async function actorsOf(claims: Members, changes: Partial<IssuerOptions> = {}): Promise<unknown> {
  const caller = createTokenCaller([], { issuers: [issuer().options(changes)] })
  const result = await caller.call({ token: await issuer().mint(claims) })
  if (typeof result === 'string') return result
  return [result.agent.id, result.delegation.subject, ...result.delegation.priorActors.map(({ id }) => id)]
}

describe('a chain of actors', () => {
  it('is shown whole, and only the outermost acts', async () => {
    expect(await actorsOf({ act: acts('agt_c', 'agt_b', 'agt_a') })).toEqual(['agt_c', 'user_17', 'agt_b', 'agt_a'])
  })

  it('has at most four actors, unless a guard says otherwise', async () => {
    expect(await codeOfClaims({ act: acts('d', 'c', 'b', 'a') })).toBe('accepted')
    expect(await codeOfClaims({ act: acts('e', 'd', 'c', 'b', 'a') })).toBe('chain_invalid')
    const wide = createTokenCaller([issuer()], { maxDepth: 5 })
    expect(await wide.codeOf({ token: await issuer().mint({ act: acts('e', 'd', 'c', 'b', 'a') }) })).toBe('accepted')
  })

  it('passes no actor twice', async () => {
    expect(await codeOfClaims({ act: acts('a', 'b', 'a') })).toBe('chain_invalid')
    expect(await codeOfClaims({ act: { sub: 'a', act: { sub: 'a', iss: issuer().issuer } } })).toBe('chain_invalid')
    expect(await codeOfClaims({ act: { sub: 'a', act: { sub: 'a', iss: 'https://other.example' } } })).toBe('accepted')
    expect(await codeOfClaims({ sub: 'a', act: acts('a', 'b') })).toBe('chain_invalid')
  })

  it('may be an agent that acts for itself', async () => {
    expect(await codeOfClaims({ sub: 'agt_buyer', act: acts('agt_buyer') })).toBe('accepted')
  })

  it.each([
    null,
    'agt',
    ['agt'],
    {},
    { sub: 5 },
    { sub: '' },
    { sub: ['agt'] },
    { sub: 'a', act: 'x' },
    { sub: 'a', iss: 7 },
  ])('must be well formed: %j', async (act) => expect(await codeOfClaims({ act })).toBe('chain_invalid'))
})

describe('a token without act', () => {
  const plain: Members = { act: undefined, client_id: undefined }

  it('is refused, unless an issuer is configured otherwise', async () => {
    expect(await actorsOf(plain)).toBe('chain_invalid')
    expect(await actorsOf({ ...plain, sub: 'agt_buyer' }, { actor: 'optional' })).toEqual(['agt_buyer', 'agt_buyer'])
  })

  it('counts for an agent that says it is one', async () => {
    const rule = { actor: 'required-for-users' } as const
    expect(await actorsOf({ ...plain, sub: 'agt_buyer', sub_profile: 'ai_agent' }, rule)).toEqual([
      'agt_buyer',
      'agt_buyer',
    ])
    expect(await actorsOf({ ...plain, sub_profile: 'user' }, rule)).toBe('chain_invalid')
    expect(await actorsOf({ ...plain, sub_profile: 'user ai_agent' }, rule)).toBe('chain_invalid')
    expect(await actorsOf(plain, rule)).toBe('chain_invalid')
  })

  it('may name the agent by a claim that is mapped; act goes first', async () => {
    const rule = { actorClaims: ['azp', 'client_id'] }
    expect(await actorsOf({ ...plain, client_id: 'agt_buyer' }, rule)).toEqual(['agt_buyer', 'user_17'])
    expect(await actorsOf({ ...plain, azp: 'agt_x', client_id: 'agt_buyer' }, rule)).toEqual(['agt_x', 'user_17'])
    expect(await actorsOf({ azp: 'agt_x' }, rule)).toEqual(['agt_buyer', 'user_17'])
    expect(await actorsOf({ ...plain, azp: 7 }, rule)).toBe('chain_invalid')
  })

  it('may be plain: an agent for itself, scopes in a list, for no audience', async () => {
    const changes = { types: ['JWT'], actor: 'optional', missingAudience: 'accept', requiredClaims: [] } as const
    const claims = { sub: 'agt_buyer', name: 'Buyer', iat: CLAIMS['iat'], exp: CLAIMS['exp'], scopes: ['orders:read'] }
    const token = await issuer().mintRaw(JSON.stringify({ iss: issuer().issuer, ...claims }), { typ: 'JWT' })
    const result = await createTokenCaller([], { issuers: [issuer().options(changes)] }).call({ token })
    expect(result).toMatchObject({
      agent: { id: 'agt_buyer', level: 'bearer' },
      delegation: { subject: 'agt_buyer', scopes: ['orders:read'], tokenId: undefined, audiences: [] },
    })
  })
})

describe("an issuer's names of agents", () => {
  it('are ours in its own namespace only', async () => {
    expect(await actorsOf({ act: { sub: 'agt_buyer', iss: issuer().issuer } })).toEqual(['agt_buyer', 'user_17'])
    expect(await actorsOf({ act: { sub: 'agt_buyer', iss: 'https://other.example' } })).toBe('actor_unauthorized')
  })

  it('may be mapped, by a table or a function', async () => {
    const agentIds = { 'client-abc': 'agt_buyer' }
    expect(await actorsOf({ act: acts('client-abc') }, { agentIds })).toEqual(['agt_buyer', 'user_17'])
    expect(await actorsOf({ act: acts('agt_buyer') }, { agentIds })).toBe('actor_unauthorized')
    expect(await actorsOf({ act: acts('toString') }, { agentIds })).toBe('actor_unauthorized')
    const byNamespace = {
      agentIds: ({ id, issuer: iss }: { id: string; issuer: string | undefined }) => `${iss}/${id}`,
    }
    const act = { sub: 'x', iss: 'https:partner.example' }
    expect(await actorsOf({ act }, byNamespace)).toEqual(['https:partner.example/x', 'user_17'])
  })

  it.each(['agent buyer ', 'аgt_buyer', 'a'.repeat(129), '-'])('must be fit to name an agent: %s', async (sub) => {
    expect(await actorsOf({ act: { sub } })).toBe('actor_unauthorized')
  })
})

describe('behind a signature', () => {
  async function codeOf(claims: Members, agentId: string, changes: Partial<IssuerOptions> = {}): Promise<string> {
    const caller = createTokenCaller([], { issuers: [issuer().options(changes)], requirePoP: true })
    return caller.codeOf({ token: await issuer().mint(claims), facts: signedBy(agentId, KEY) })
  }

  it('a token counts for the agent that signed', async () => {
    expect(await codeOf({}, 'agt_buyer')).toBe('accepted')
    expect(await codeOf({ act: acts('agt_buyer', 'agt_clerk') }, 'agt_buyer')).toBe('accepted')
  })

  it.each(['agt_mallory', 'Agt_buyer', 'user_17'])('and for no other agent: %s', async (agentId) => {
    expect(await codeOf({}, agentId)).toBe('actor_mismatch')
  })

  it('an inner actor may not act any more', async () => {
    expect(await codeOf({ act: acts('agt_clerk', 'agt_buyer') }, 'agt_buyer')).toBe('actor_mismatch')
  })

  it('a user cannot pass for the agent of the same name', async () => {
    expect(await codeOf({ sub: 'agt_buyer', act: undefined }, 'agt_buyer')).toBe('chain_invalid')
  })

  it("a token bound to the signer's key counts whatever the issuer calls the signer", async () => {
    expect(await codeOf({ act: acts('client-abc'), cnf: { kid: KEY } }, 'agt_buyer')).toBe('accepted')
    expect(await codeOf({ act: acts('client-abc'), cnf: { kid: 'x'.repeat(43) } }, 'agt_buyer')).toBe(
      'token_binding_mismatch',
    )
  })

  it('a token counts for the agent that another check established without a signature, and for no other', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    const known = (id: string, level: Level) => {
      return { agent: { id, level, scheme: 'bearer', record: { id, state: 'active' } } } as const
    }
    expect(await caller.codeOf({ token, facts: known('agt_other', 'bearer') })).toBe('actor_mismatch')
    expect(await caller.call({ token, facts: known('agt_buyer', 'bound') })).toMatchObject({
      agent: { level: 'bound' },
    })
    expect(await caller.call({ token, facts: known('agt_buyer', 'identified') })).toMatchObject({
      agent: { level: 'bearer' },
    })
  })

  it('a token must be covered, wherever it stands', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    const facts = signedBy('agt_buyer', KEY, { covers: (component) => component === 'agent-delegation' })
    expect(await caller.codeOf({ token, facts })).toBe('coverage_insufficient')
    expect(await caller.codeOf({ headers: [['Agent-Delegation', token]], facts })).toBe('accepted')
    const [proof] = [['DPoP', 'x']] as const
    expect(await caller.codeOf({ headers: [['Agent-Delegation', token], proof], facts })).toBe('coverage_insufficient')
  })
})

describe('may_act', () => {
  const subject = { iss: ISS, sub: 'user_17', may_act: { sub: 'agt_buyer' } }

  it.each([
    [subject, { id: 'agt_buyer', issuer: ISS }, true],
    [subject, { id: 'agt_clerk', issuer: ISS }, false],
    [subject, { id: 'agt_buyer', issuer: 'https://other.example' }, false],
    [
      { ...subject, may_act: { sub: 'x', iss: 'https://other.example' } },
      { id: 'x', issuer: 'https://other.example' },
      true,
    ],
    [{ ...subject, may_act: { sub: 'x', iss: 'https://other.example' } }, { id: 'x', issuer: ISS }, false],
    [{ ...subject, may_act: 'agt_buyer' }, { id: 'agt_buyer', issuer: ISS }, false],
    [{ iss: ISS }, { id: 'agt_buyer', issuer: ISS }, false],
  ])('of %j permits %j: %s', (claims, actor, expected) => {
    expect(permitsActor(claims, actor)).toBe(expected)
  })
})
