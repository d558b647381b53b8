import { type Check, type Decision, type Observer, type Recorder, Unavailable } from '../src/index.ts'
import type { Outcome, Verdict } from '../src/internal.ts'
import { aFactory, aGuard, aRequest, codeOf, nameAgent, problemOf, refuseWith, thenableOf } from './guarding.ts'
import { type Watch, watch } from './watch.ts'

const fail = (): never => {
  throw new Error('the disk is full')
}

describe('a recorder', () => {
  const record = (kind: 'throws' | 'rejects' | 'rejects like somebody else’s promise'): Recorder['record'] => {
    if (kind === 'throws') return fail
    if (kind === 'rejects') return async () => fail()
    return () => thenableOf((_resolve, reject) => reject(new Error('full')))
  }

  async function decide(
    recorder: Recorder,
    method: string,
    checks: readonly Check[] = [nameAgent()],
  ): Promise<[Verdict, Watch]> {
    const seen = watch()
    const verdict = await aGuard(checks, { recorder, observers: [seen.observer] })(aRequest({ method }))
    return [verdict, seen]
  }

  it('has recorded before anybody is told or answered', async () => {
    const order: string[] = []
    const recorder: Recorder = {
      record: () => new Promise((resolve) => setImmediate(() => resolve(void order.push('recorded')))),
    }
    const observers: readonly Observer[] = [{ decided: () => void order.push('told') }]
    await aGuard([nameAgent()], { recorder, observers })(aRequest())
    order.push('answered')
    expect(order).toEqual(['recorded', 'told', 'answered'])
  })

  it.each(['throws', 'rejects', 'rejects like somebody else’s promise'] as const)(
    'that %s keeps an unsafe request out',
    async (kind) => {
      const [verdict, { decisions, counted }] = await decide({ record: record(kind) }, 'POST')
      expect(problemOf(verdict)).toMatchObject({ status: 503, code: 'audit_unavailable', retry: 'later' })
      expect(decisions.map(({ outcome, check, status }) => [outcome, check, status])).toEqual([
        ['deny', 'recorder', 503],
      ])
      expect([decisions[0]?.agent?.id, counted]).toEqual(['agt_buyer', ['audit_failures_total']])
    },
  )

  it.each(['throws', 'rejects'] as const)('that %s lets a safe request pass', async (kind) => {
    const [verdict, { decisions }] = await decide({ record: record(kind) }, 'GET')
    expect([verdict.outcome, decisions.map(({ outcome }) => outcome)]).toEqual(['allow', ['allow']])
  })

  it('that cannot even keep the record for later keeps safe requests out too', async () => {
    const record = (): never => {
      throw new Unavailable('audit_unavailable', 'audit', 'the buffer is full')
    }
    const [verdict] = await decide({ record }, 'GET')
    expect(problemOf(verdict)).toMatchObject({ status: 503, code: 'audit_unavailable' })
  })

  it.each(['throws', 'rejects'] as const)('that %s changes no refusal', async (kind) => {
    const [verdict, { decisions }] = await decide({ record: record(kind) }, 'POST', [refuseWith('key_unknown')])
    expect([codeOf(verdict), decisions.map(({ refusal }) => refusal?.code)]).toEqual(['key_unknown', ['key_unknown']])
  })

  it('that fails leaves no fact behind', async () => {
    const compose = aFactory({ recorder: { record: fail } })
    const request = aRequest({ method: 'POST' })
    await compose([nameAgent()])(request)
    expect(codeOf(await compose([])(request))).toBe('config_error')
  })

  it('that fails stops nothing where the guard only observes', async () => {
    const { observer, decisions } = watch()
    const options = { recorder: { record: fail }, observers: [observer], mode: 'observe' } as const
    const verdict = await aGuard([nameAgent()], options)(aRequest({ method: 'POST' }))
    expect([verdict.outcome, decisions[0]?.outcome, decisions[0]?.refusal?.code]).toEqual([
      'allow',
      'observe',
      'audit_unavailable',
    ])
  })

  it('is told how a request ended that it recorded, and of no other', async () => {
    const ended: number[] = []
    let broken = false
    const recorder: Recorder = {
      record: () => (broken ? fail() : undefined),
      finish: (_decision, { status }) => void ended.push(status),
    }
    const guard = aGuard([nameAgent()], { recorder })
    ;(await guard(aRequest())).finish?.(200, false)
    broken = true
    ;(await guard(aRequest())).finish?.(201, false)
    expect(ended).toEqual([200])
  })

  it('keeps its own this', async () => {
    const recorder = {
      ended: [] as number[],
      recorded: 0,
      record(): void {
        this.recorded++
      },
      finish(_decision: Decision, { status }: Outcome): void {
        this.ended.push(status)
      },
    }
    ;(await aGuard([nameAgent()], { recorder })(aRequest())).finish?.(200, false)
    expect([recorder.recorded, recorder.ended]).toEqual([1, [200]])
  })
})
