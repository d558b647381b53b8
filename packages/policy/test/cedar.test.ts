import { consultPolicy, type PolicyInput } from '@countermark/policy'
import { type CedarOptions, cedar } from '@countermark/policy/cedar'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { aCaller } from './a-caller.ts'

const SCHEMA = `
entity Agent = { level: String, owner?: String, scope: Set<String> };
entity Repo = { repo: String, stars?: Long };
action "pr.create" appliesTo {
  principal: [Agent], resource: [Repo],
  context: { method: String, ip?: ipaddr, on_behalf_of?: { user_id: String, issuer: String }, arguments?: { amount?: Long } }
};`

const POLICIES = `
@id("reviewers")
permit (principal == Agent::"agt_a", action == Action::"pr.create", resource)
when { principal.scope.contains("pr:write:draft") && resource.repo == "acme/api"
  && context has on_behalf_of && context.on_behalf_of.user_id == "user_123"
  && context.on_behalf_of.issuer == "https://login.example.com" };
@id("large") @tell("Ask for less.")
forbid (principal, action, resource)
when { context has arguments && context.arguments has amount && context.arguments.amount > 100 };
@id("nights") @obligation("approval, read_only")
permit (principal == Agent::"agt_night", action, resource);`

const CALL = { signal: new AbortController().signal }

function question(more: Partial<PolicyInput> = {}): PolicyInput {
  return {
    actor: { type: 'agent', id: 'agt_a', level: 'signed', scheme: 'httpsig' },
    on_behalf_of: { user_id: 'user_123', issuer: 'https://login.example.com' },
    action: 'pr.create',
    resource: { type: 'Repo', id: 'acme/api', repo: 'acme/api', unknown: null },
    scope: ['pr:write:draft'],
    context: { method: 'POST', path: '/pulls', time: '2026-01-01T00:00:00.000Z', ip: '192.0.2.7' },
    ...more,
  }
}

const engine = (more: Partial<CedarOptions> = {}) => cedar({ policies: POLICIES, schema: SCHEMA, ...more })
const decide = (input: PolicyInput, more: Partial<CedarOptions> = {}) => engine(more).decide(input, CALL)
const withArguments = (given: object): PolicyInput =>
  question({ context: { ...question().context, arguments: given as never } })

describe('cedar', () => {
  it('permits by the policy that it names, out of what the schema declares', () => {
    expect(decide(question())).toEqual({
      allow: true,
      reason: 'reviewers',
      revision: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  it.each<[string, PolicyInput]>([
    ['another agent', question({ actor: { type: 'agent', id: 'agt_b', level: 'signed' } })],
    ['another user', question({ on_behalf_of: { user_id: 'user_124', issuer: 'https://login.example.com' } })],
    [
      'the same user of another issuer',
      question({ on_behalf_of: { user_id: 'user_123', issuer: 'https://evil.example' } }),
    ],
    ['another resource', question({ resource: { type: 'Repo', id: 'acme/api', repo: 'acme/web' } })],
    ['no scope', question({ scope: [] })],
  ])('denies %s', (_what, input) => {
    expect(decide(input)).toMatchObject({ allow: false, reason: 'no_permit' })
  })

  it('denies what one policy forbids, and tells the caller what that policy says', () => {
    expect(decide(withArguments({ amount: 101 }))).toMatchObject({
      allow: false,
      reason: 'large',
      tell: 'Ask for less.',
    })
  })

  it('asks for what the annotations of the policy ask for', () => {
    expect(decide(question({ actor: { type: 'agent', id: 'agt_night', level: 'signed' } }))).toMatchObject({
      ...{ allow: true, obligations: [{ type: 'approval' }, { type: 'read_only' }] },
    })
  })

  it.each<[string, PolicyInput]>([
    ['an action that the schema has not', question({ action: 'pr.merge' })],
    ['a type that the schema has not', question({ resource: { type: 'Order', id: '7' } })],
    ['a value of another type', withArguments({ amount: '101' })],
    ['a fraction where a number is forbidden', withArguments({ amount: 100.5 })],
    ['an entity in the place of a value', withArguments({ amount: { __entity: { type: 'Agent', id: 'agt_a' } } })],
    ['a call in the place of a value', withArguments({ amount: { __extn: { fn: 'decimal', arg: '1.0' } } })],
  ])('decides nothing about %s', async (_what, input) => {
    const policy = consultPolicy({ name: 'cedar', decide: () => engine().decide(input, CALL) })
    const ask = async () => policy(aRequest({}), aCaller(), createTestEnvironment())
    await expect(ask()).rejects.toMatchObject({ code: 'policy_unavailable' })
  })

  it('does not permit while a policy fails that might have forbidden it', () => {
    const policies = `permit (principal, action, resource);
      forbid (principal, action, resource) when { resource.stars + 9223372036854775807 > 0 && resource has stars };`
    const schema = SCHEMA.replace('stars?: Long', 'stars: Long')
    const input = question({ resource: { type: 'Repo', id: 'acme/api', repo: 'acme/api', stars: 5 } })
    expect(() => decide(input, { policies, schema })).toThrow(expect.objectContaining({ reason: 'undecided' }))
  })

  it('knows more entities, in the place of ours too', () => {
    const uid = { type: 'Agent', id: 'agt_a' }
    const entities = [{ uid, attrs: { level: 'signed', scope: ['pr:write:draft'] }, parents: [] }]
    expect(decide(question({ scope: [] }), { entities })).toMatchObject({ allow: true })
  })

  it.each<[string, Partial<CedarOptions>, string]>([
    ['without a schema', { schema: '' }, 'ERR_OPTION_MISSING'],
    ['without policies', { policies: '' }, 'ERR_OPTION_MISSING'],
    [
      'with a policy that misspells an attribute',
      { policies: 'permit (principal, action, resource) when { principal.levle == "signed" };' },
      'ERR_OPTION_INVALID',
    ],
    ['with a policy that is none', { policies: 'allow everything' }, 'ERR_OPTION_INVALID'],
    ['with a template', { policies: 'permit (principal == ?principal, action, resource);' }, 'ERR_OPTION_INVALID'],
    [
      'with an obligation that is not known',
      { policies: '@obligation("dance") permit (principal, action, resource);' },
      'ERR_OPTION_INVALID',
    ],
    [
      'with one id for two policies',
      { policies: '@id("a") permit (principal, action, resource); @id("a") forbid (principal, action, resource);' },
      'ERR_OPTION_INVALID',
    ],
    ['with a schema that knows no agents', { namespace: 'Shop' }, 'ERR_OPTION_INVALID'],
  ])('does not start %s', (_what, more, code) => {
    expect(() => engine(more)).toThrow(expect.objectContaining({ code }))
  })
})
