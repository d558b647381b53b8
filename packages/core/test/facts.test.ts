import { type Check, defineCheck, type Facts, type Observer } from '../src/index.ts'
import {
  aFactory,
  aGuard,
  anAgent,
  aRequest,
  atOnce,
  codeOf,
  describedAs,
  nameAgent,
  problemOf,
  refuseWith,
} from './guarding.ts'

describe('facts', () => {
  it('stand for later guards of the same factory', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent()])(request))
    expect(atOnce(compose([])(request))).toMatchObject({ outcome: 'allow', agent: { id: 'agt_buyer' } })
  })

  it('belong to one request', () => {
    const compose = aFactory()
    atOnce(compose([nameAgent()])(aRequest()))
    expect(codeOf(atOnce(compose([])(aRequest())))).toBe('config_error')
  })

  it('belong to one factory', () => {
    const request = aRequest()
    atOnce(aFactory()([nameAgent()])(request))
    expect(codeOf(atOnce(aFactory()([])(request)))).toBe('config_error')
  })

  it('do not stand when a later check of the same guard refuses', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent(), refuseWith('replay_detected')])(request))
    expect(codeOf(atOnce(compose([])(request)))).toBe('config_error')
  })

  it('cannot be found on the request, nor put there', () => {
    const raw = Object.freeze({})
    const compose = aFactory()
    atOnce(compose([nameAgent()])(aRequest({ raw })))
    expect(Reflect.ownKeys(raw)).toEqual([])
    expect(atOnce(compose([])(aRequest({ raw })))).toMatchObject({ outcome: 'allow' })
  })

  it('are shown flat, with those of other packages', () => {
    const add = describedAs('add', ['delegation'], () => ({ delegation: { subject: 'user_1' } }))
    const verdict = atOnce(aGuard([nameAgent(), add])(aRequest()))
    expect(verdict).toMatchObject({ agent: { id: 'agt_buyer', delegation: { subject: 'user_1' } } })
  })

  it('cannot be changed by who sees them', () => {
    const seen: object[] = []
    const observers: readonly Observer[] = [{ decided: ({ facts }) => void seen.push(facts) }]
    const verdict = atOnce(aGuard([nameAgent()], { observers })(aRequest()))
    if (verdict.outcome === 'allow' && verdict.agent !== undefined) seen.push(verdict.agent)
    expect(seen.map((facts) => Object.isFrozen(facts))).toEqual([true, true])
  })

  it('that a later check states again count as it states them', () => {
    const again = describedAs('again', ['agent'], () => ({ agent: { ...anAgent(), id: 'agt_other' } }))
    expect(atOnce(aGuard([nameAgent(), again])(aRequest()))).toMatchObject({ agent: { id: 'agt_other' } })
  })
})

describe('the agent that a handler sees', () => {
  const covers = (component: string): boolean => component === '@method'
  const proof = { keyId: 'k1', thumbprint: 't1', covers } as Facts['proof']
  const prove = describedAs('prove', ['agent', 'proof'], () => ({ agent: anAgent(), proof }))

  it('knows what was covered', () => {
    const verdict = atOnce(aGuard([prove])(aRequest()))
    const agent = verdict.outcome === 'allow' ? verdict.agent : undefined
    expect(agent).toMatchObject({ keyId: 'k1', thumbprint: 't1', proof, freshness: undefined })
    expect([agent?.covered('@method'), agent?.covered('x-note')]).toEqual([true, false])
  })

  it('covers nothing without a proof', () => {
    const verdict = atOnce(aGuard([nameAgent('bearer')])(aRequest()))
    expect(verdict.outcome === 'allow' && verdict.agent?.covered('@method')).toBe(false)
  })

  it('keeps its id through all guards of a request', () => {
    const compose = aFactory()
    const request = aRequest()
    const first = atOnce(compose([nameAgent()])(request))
    const second = atOnce(compose([refuseWith('agent_mismatch')])(request))
    expect(first.outcome === 'allow' && first.agent?.requestId).toBe(problemOf(second)['request_id'])
  })
})

describe('what a later guard needs', () => {
  const needs: Check = defineCheck({ name: 'require_delegation', needs: ['delegation'], adds: [] }, () => ({}))

  it('is the caller’s to bring when an earlier guard let it pass without', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([refuseWith('credentials_missing')], { optional: true })(request))
    expect(codeOf(atOnce(compose([needs])(request)))).toBe('credentials_missing')
  })

  it('is the programmer’s to mount otherwise', () => {
    const verdict = atOnce(aGuard([nameAgent(), needs])(aRequest()))
    expect(verdict.outcome === 'deny' && [verdict.refusal.code, verdict.refusal.message]).toEqual([
      'config_error',
      'require_delegation needs delegation: mount the guard that establishes it first',
    ])
  })

  it('is there when an earlier guard established it', () => {
    const compose = aFactory()
    const request = aRequest()
    atOnce(compose([nameAgent(), describedAs('delegate', ['delegation'], () => ({ delegation: {} }))])(request))
    expect(atOnce(compose([needs])(request)).outcome).toBe('allow')
  })
})
