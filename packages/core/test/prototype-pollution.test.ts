import type { Decision } from '../src/index.ts'
import { aGuard, anAgent, aRequest, atOnce, codeOf, nameAgent, refuseWith } from './guarding.ts'

/** Runs something while every object inherits these members, as after a careless merge of JSON. */
function polluted<Result>(members: Readonly<Record<string, unknown>>, run: () => Result): Result {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false })
  }
  try {
    return run()
  } finally {
    for (const name of Object.keys(members)) Reflect.deleteProperty(Object.prototype, name)
  }
}

describe('a member that every object inherits', () => {
  it('is no fact that a check needs or a guard believes', () => {
    const members = { agent: anAgent(), proof: {}, freshness: {} }
    expect(polluted(members, () => codeOf(atOnce(aGuard([() => ({})])(aRequest()))))).toBe('config_error')
  })

  it('is nothing that a handler or an observer sees', () => {
    const decisions: Decision[] = []
    const guard = aGuard([nameAgent()], { observers: [{ decided: (decision) => void decisions.push(decision) }] })
    const seen = polluted({ scope: '*', capabilities: ['*'] }, () => {
      const verdict = atOnce(guard(aRequest()))
      const agent: object | undefined = verdict.outcome === 'allow' ? verdict.agent : undefined
      return [agent, decisions[0]?.agent, decisions[0]?.facts].map(
        (object) => object !== undefined && 'scope' in object,
      )
    })
    expect(seen).toEqual([false, false, false])
  })

  it.each([
    ['optional', true, 'credentials_missing'],
    ['mode', 'observe', 'credentials_missing'],
    ['open', { paths: ['/orders'] }, 'credentials_missing'],
    ['paths', ['/orders'], 'credentials_missing'],
  ] as const)('is no option: %s', (name, value, code) => {
    const judge = (): string | undefined =>
      codeOf(atOnce(aGuard([refuseWith('credentials_missing')], { open: {} })(aRequest({ target: '/orders' }))))
    expect(polluted({ [name]: value }, judge)).toBe(code)
  })

  it('is no level that a route asks for', () => {
    const judge = (): string | undefined => codeOf(atOnce(aGuard([nameAgent('bearer')])(aRequest({ method: 'POST' }))))
    const members = { minimumLevel: 'identified', unsafe: 'identified' }
    expect([judge(), polluted(members, judge)]).toEqual(['scheme_not_allowed', 'scheme_not_allowed'])
  })

  it('changes nothing about an honest request', () => {
    const judge = (): string => atOnce(aGuard([nameAgent()])(aRequest())).outcome
    expect(polluted({ scope: '*', role: 'admin', id: 'agt_admin' }, judge)).toBe('allow')
  })
})

describe('a fact that is named like a member of Object', () => {
  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('%s changes no other object', (name) => {
    const facts = JSON.parse(`{"${name}": {"scope": "*"}}`)
    const verdict = atOnce(aGuard([nameAgent(), () => facts])(aRequest()))
    expect([verdict.outcome, 'scope' in {}, 'scope' in Object]).toEqual(['allow', false, false])
    expect(verdict.outcome === 'allow' && verdict.agent?.id).toBe('agt_buyer')
  })
})
