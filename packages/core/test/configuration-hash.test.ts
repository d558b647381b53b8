import { type Check, defineCheck, type GuardOptions } from '../src/index.ts'
import { describeSettings } from '../src/internal.ts'
import { aGuard, aRequest, nameAgent } from './guarding.ts'
import { watch } from './watch.ts'

async function hashOf(options: Partial<GuardOptions> = {}, checks: readonly Check[] = [nameAgent()]): Promise<string> {
  const { observer, decisions } = watch()
  await aGuard(checks, { ...options, observers: [observer] })(aRequest())
  const [decision] = decisions
  return decision?.configuration ?? 'no decision'
}

const withSettings = (ageSeconds: number): Check =>
  defineCheck({ name: 'age', needs: [], adds: [], settings: { ageSeconds } }, () => ({}))

describe('the configuration hash of a decision', () => {
  it('is the same for the same options and checks', async () => {
    const hash = await hashOf({}, [nameAgent(), withSettings(60)])
    expect([hash.length, await hashOf({}, [nameAgent(), withSettings(60)])]).toEqual([43, hash])
  })

  it.each<[string, Partial<GuardOptions>, readonly Check[]]>([
    ['an option of the guard', { statusMode: 'seed' }, [nameAgent()]],
    ['the origins', { origins: ['api.example.com', 'b.example.com'] }, [nameAgent()]],
    ['a check more', {}, [nameAgent(), withSettings(60)]],
  ])('changes with %s', async (_what, options, checks) => {
    expect(await hashOf(options, checks)).not.toBe(await hashOf())
  })

  it('changes with a setting of a check', async () => {
    expect(await hashOf({}, [nameAgent(), withSettings(60)])).not.toBe(
      await hashOf({}, [nameAgent(), withSettings(61)]),
    )
  })
})

describe('stated settings', () => {
  it('are what was named and can be told', () => {
    const store = { name: 'memory', claim: () => 'claimed' }
    const options = {
      store,
      limit: Infinity,
      tags: ['a', undefined],
      secret: 'hush',
      judge: () => true,
      left: undefined,
    }
    expect(describeSettings(options, ['store', 'limit', 'tags', 'judge', 'left'])).toEqual({
      store: 'memory',
      limit: 'Infinity',
      tags: ['a', '(undefined)'],
      judge: '(function)',
    })
  })
})
