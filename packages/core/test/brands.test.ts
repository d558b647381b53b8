import * as here from '../src/index.ts'
import { aGuard, aRequest, atOnce, nameAgent, problemOf } from './guarding.ts'

type Core = typeof here

/** The package once more, as an application has it that loads the ES module and the CommonJS build. */
function loadCopy(): Core {
  let copy: Core | undefined
  jest.isolateModules(() => {
    copy = require('../src/index.ts')
  })
  if (copy === undefined) throw new Error('there is no copy')
  return copy
}

const there = loadCopy()

describe('an error made by another copy of this package', () => {
  it('is of another class', () => {
    expect(new there.Refusal('key_unknown', 'no')).not.toBeInstanceOf(here.Refusal)
  })

  it('is recognised all the same', () => {
    const errors = [
      new there.Refusal('key_unknown', 'no'),
      new there.Unavailable('overloaded', 'cpu', 'no'),
      new there.Misconfigured('ERR_OPTION_INVALID', 'no'),
    ]
    expect(errors.map(here.isRefusal)).toEqual([true, true, false])
    expect(errors.map(here.isUnavailable)).toEqual([false, true, false])
    expect(errors.map(here.isMisconfigured)).toEqual([false, false, true])
  })

  it('is answered with its own code', () => {
    const check = (): never => {
      throw new there.Refusal('signature_expired', 'made too long ago')
    }
    expect(problemOf(atOnce(aGuard([nameAgent(), check])(aRequest())))).toMatchObject({ code: 'signature_expired' })
  })
})

describe('what only looks like an error of this package', () => {
  const lookalike = { name: 'Refusal', code: 'rate_limited', message: 'no', retryAfterSeconds: 1 }

  it.each([null, undefined, 'signature_invalid', lookalike, new Error('signature_invalid'), () => undefined])(
    'is none: %p',
    (value) => {
      expect([here.isRefusal(value), here.isUnavailable(value), here.isMisconfigured(value)]).toEqual([
        false,
        false,
        false,
      ])
    },
  )

  it('has no brand that JSON could carry', () => {
    const copied: unknown = JSON.parse(JSON.stringify(new here.Refusal('key_unknown', 'no')))
    expect(here.isRefusal(copied)).toBe(false)
  })
})
