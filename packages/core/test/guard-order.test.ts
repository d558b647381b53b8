import { type Check, type CheckDescription, defineCheck } from '../src/index.ts'
import type { GuardDescription } from '../src/internal.ts'
import { aGuard, thrownBy } from './guarding.ts'

function aCheck(
  name: string,
  needs: readonly string[],
  adds: readonly string[],
  rest: Partial<CheckDescription> = {},
): Check {
  return defineCheck({ name, needs, adds, ...rest }, () => ({}))
}

const verify = aCheck('verify_signature', [], ['agent', 'proof'])
const once = aCheck('prevent_replay', ['proof'], ['freshness'])

describe('the order of checks', () => {
  it('is the one given', () => {
    expect(() => aGuard([verify, once])).not.toThrow()
  })

  it('may not have a check before the one that it needs', () => {
    expect(thrownBy(() => aGuard([once, verify]))).toMatchObject({
      code: 'ERR_CHECK_ORDER',
      message: 'prevent_replay needs proof; put it behind verify_signature [ERR_CHECK_ORDER]',
    })
  })

  it('may leave a need to an earlier guard', () => {
    expect(() => aGuard([once])).not.toThrow()
  })

  it('may have a fact established again later', () => {
    const delegate = aCheck('verify_delegation', ['agent'], ['agent', 'delegation'])
    expect(() => aGuard([verify, aCheck('look', ['agent'], []), delegate])).not.toThrow()
  })

  it('is shown to every check, which may object', () => {
    const seen: string[][] = []
    const inspect = ({ checks }: GuardDescription): void => void seen.push(checks.map(({ name }) => name))
    aGuard([aCheck('first', [], [], { inspect }), aCheck('second', [], [], { inspect })])
    expect(seen).toEqual([
      ['first', 'second'],
      ['first', 'second'],
    ])
  })
})

describe('what a guard is made of', () => {
  it.each([null, undefined, 'verifySignature', {}, 5, [verify]])('may not be %p', (check) => {
    expect(thrownBy(() => aGuard([check as never]))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('may be a plain function', () => {
    expect(() => aGuard([() => ({})])).not.toThrow()
  })
})

describe('defineCheck', () => {
  it.each([
    {},
    { name: '', needs: [], adds: [] },
    { name: 'a', needs: [] },
    { name: 'a', adds: [] },
    { name: 5, needs: [], adds: [] },
    { name: 'a', needs: 'agent', adds: [] },
  ])('does not take %j for a description', (description) => {
    expect(thrownBy(() => defineCheck(description as never, () => ({})))).toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('leaves the function as it is, so that it can serve twice', () => {
    const run = (): object => ({})
    const [a, b] = ['a', 'b'].map((name) => defineCheck({ name, needs: [], adds: [] }, run))
    expect([a?.description?.name, b?.description?.name, Reflect.has(run, 'description')]).toEqual(['a', 'b', false])
  })
})
