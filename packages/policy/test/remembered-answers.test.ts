import { consultPolicy, type PolicyCaller, type PolicyEngine, type PolicyInput } from '@countermark/policy'
import { aRequest, createFakeClock, createTestEnvironment } from '@countermark/testing'
import { aCaller } from './a-caller.ts'

/** Allows one agent of one issuer for one user, and says that this holds for a minute. */
function isKnown({ actor, on_behalf_of: user }: PolicyInput): boolean {
  return actor.id === 'agt_a' && actor.issuer === undefined && user?.issuer === 'https://login.example.com'
}

async function askInTurn(callers: readonly PolicyCaller[], more: Partial<PolicyEngine> = {}, advanceMs = 0) {
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock })
  let asked = 0
  const decide = (input: PolicyInput): unknown => {
    asked += 1
    return { allow: isKnown(input), cache_seconds: 60 }
  }
  const policy = consultPolicy(
    { name: 'mine', decide, ...more },
    { action: 'pr.create', resource: { repo: 'acme/api' } },
  )
  const outcomes: string[] = []
  for (const caller of callers) {
    const answer = Promise.resolve().then(() => policy(aRequest({ target: '/pulls' }), caller, environment))
    outcomes.push(
      await answer.then(
        ({ policy: { isCached } }) => (isCached ? 'remembered' : 'asked'),
        ({ code }) => code,
      ),
    )
    clock.advance(advanceMs)
  }
  return [asked, ...outcomes]
}

const known = aCaller({ user: 'user_123' })

describe('an answer that is remembered', () => {
  it('is used for the same question, whatever the time', async () => {
    expect(await askInTurn([known, known], {}, 1_000)).toEqual([1, 'asked', 'remembered'])
  })

  it('ends when the policy said so', async () => {
    expect(await askInTurn([known, known], {}, 60_000)).toEqual([2, 'asked', 'asked'])
  })

  it('ends with the revision that gave it', async () => {
    let revision = 0
    expect(await askInTurn([known, known], { revision: () => `r${revision++}` })).toEqual([2, 'asked', 'asked'])
  })

  it.each<[string, PolicyCaller]>([
    ['another agent', aCaller({ id: 'agt_b', user: 'user_123' })],
    [
      'an agent of another tenant with the same id',
      aCaller({ user: 'user_123', more: { actor: { id: 'agt_a', issuer: 'https://evil.example' } } }),
    ],
    [
      'a user of another issuer with the same id',
      aCaller({ user: 'user_123', more: { issuer: 'https://evil.example' } }),
    ],
    ['an agent that acts for itself', aCaller()],
    [
      'an agent for a user with the id of the agent',
      aCaller({
        user: 'agt_a',
        more: { issuer: 'https://evil.example', actor: { id: 'agt_a', issuer: 'https://login.example.com' } },
      }),
    ],
  ])('is none for %s', async (_what, other) => {
    expect(await askInTurn([known, other])).toEqual([2, 'asked', 'policy_denied'])
  })
})

describe('consultPolicy', () => {
  it.each<[unknown, object, string]>([
    ['opa', {}, 'ERR_OPTION_INVALID'],
    [undefined, {}, 'ERR_OPTION_INVALID'],
    [{ name: 'Mine!', decide: () => true }, {}, 'ERR_OPTION_INVALID'],
    [() => true, { timeoutMs: 0 }, 'ERR_OPTION_INVALID'],
    [() => true, { onUnavailable: 'allow' }, 'ERR_OPTION_INVALID'],
    [() => true, { timeout: 5 }, 'ERR_OPTION_UNKNOWN'],
  ])('does not start with %p and %p', (engine, options, code) => {
    expect(() => consultPolicy(engine as never, options as never)).toThrow(expect.objectContaining({ code }))
  })
})
