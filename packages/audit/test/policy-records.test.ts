import type { Check } from '@countermark/core'
import { consultPolicy, type PolicyFunction } from '@countermark/policy'
import type { TestAgent } from '@countermark/testing'
import type { SealedMembers } from '../src/record/chain.ts'
import { recordFields } from '../src/sinks/record-fields.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { type AuditedApp, type AuditedAppInput, signedOnce, startAuditedApp } from './audited-app.ts'

const apps: AuditedApp[] = []
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

async function recorded(
  engine: PolicyFunction,
  more: Pick<AuditedAppInput, 'trail'> & { readonly keepQuestion?: boolean } = {},
): Promise<SealedMembers & { readonly path: string }> {
  const { keepQuestion = false, ...input } = more
  const checks = (agent: TestAgent): readonly Check[] => [
    ...signedOnce(agent),
    consultPolicy(engine, { action: 'orders.read', keepQuestion }) as Check,
  ]
  const app = await startAuditedApp({ checks, ...input })
  apps.push(app)
  await app.send({ target: '/orders/7?token=verysecret' })
  const found = (await app.records()).find(({ record }) => record.type === 'decision')
  if (found === undefined) throw new Error('there is no decision')
  return { ...found, path: app.path }
}

describe('the record of a decision that a policy was asked about', () => {
  it('says what the policy said of an allowed request', async () => {
    const { record } = await recorded(() => ({ allow: true, reason: 'owner', revision: 'r7', decision_id: 'd-1' }))
    expect(record).toMatchObject({
      decision: 'allow',
      policy: {
        ...{ engine: 'function', decision: 'allow', action: 'orders.read' },
        ...{ reason: 'owner', revision: 'r7', decisionId: 'd-1' },
      },
    })
  })

  it('says why a request was denied, which the caller is not told', async () => {
    const placed = await recorded(() => ({ allow: false, reason: 'rule 7', revision: 'r7' }))
    expect(placed.record).toMatchObject({ code: 'policy_denied', policy: { decision: 'deny', reason: 'rule 7' } })
    expect(recordFields({ ...placed, line: '' })).toMatchObject({
      ...{ policyDecision: 'deny', policyReason: 'rule 7', policyRevision: 'r7' },
    })
  })

  it('says that there was no answer', async () => {
    const { record } = await recorded(() => 'true')
    expect(record).toMatchObject({
      ...{ code: 'policy_unavailable', policy: { decision: 'unavailable', reason: 'malformed' } },
    })
  })

  it('holds no question unless that is asked for', async () => {
    expect((await recorded(() => true)).private['question']).toBeUndefined()
  })

  it('holds the question, without credentials, and is verified with it', async () => {
    const kept = await recorded(({ resource }) => resource['path'] === '/orders/7', { keepQuestion: true })
    const question = JSON.parse(kept.private['question']?.value ?? '')
    expect(question).toMatchObject({ actor: { type: 'agent' }, action: 'orders.read', resource: { path: '/orders/7' } })
    expect(JSON.stringify(kept)).not.toContain('verysecret')
    expect((await verifyTrail([kept.path], { anchors: await readAnchors([], []) })).findingCount).toBe(0)
  })

  it('holds no question where users and addresses have pseudonyms', async () => {
    const pseudonyms = { key: 'a secret of more than 16 bytes' }
    const { private: values } = await recorded(() => true, { keepQuestion: true, trail: { pseudonyms } })
    expect([values['question'], JSON.stringify(values).includes('127.0.0.1')]).toEqual([undefined, false])
  })
})
