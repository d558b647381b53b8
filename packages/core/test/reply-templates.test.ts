import { type Check, type CheckDescription, defineCheck, Refusal } from '../src/index.ts'
import type { Measurement } from '../src/internal.ts'
import { createReplyTemplate, createReplyTemplates, ID_MARK, NONCE_MARK } from '../src/refusal/reply-template.ts'
import { aFactory, aGuard, aRequest, atOnce, fieldOf, problemOf, type RequestInput, refuseWith } from './guarding.ts'

const GET = aRequest({ method: 'GET' })

function challenging(description: Partial<CheckDescription>): Check {
  return defineCheck({ name: 'challenging', needs: [], adds: [], ...description }, () => ({}))
}

const noncePlain: CheckDescription['challenge'] = ({ nonce }) => [['X-Nonce', `nonce="${nonce}"`]]

describe('answers of one kind', () => {
  it('are the first one with a nonce and an id of their own', () => {
    let issued = 0
    const challenge = jest.fn(noncePlain)
    const issueNonce = (): string => `nonce-${++issued}`
    const guard = aGuard([refuseWith('nonce_missing'), challenging({ challenge, challengeKind: () => '', issueNonce })])
    const verdicts = [1, 2, 3].map(() => atOnce(guard(aRequest())))
    expect(verdicts.map((verdict) => fieldOf(verdict, 'x-nonce'))).toEqual([
      ['nonce="nonce-1"'],
      ['nonce="nonce-2"'],
      ['nonce="nonce-3"'],
    ])
    expect(new Set(verdicts.map((verdict) => problemOf(verdict)['request_id'])).size).toBe(3)
    expect(verdicts.map((verdict) => problemOf(verdict)['instance'])).toEqual(
      verdicts.map((verdict) => `urn:uuid:${problemOf(verdict)['request_id']}`),
    )
    expect([challenge.mock.calls.length, issued]).toEqual([1, 3])
  })

  it.each<[string, RequestInput, RequestInput]>([
    ['what the check tells apart', { rawHeaders: ['DPoP', 'x'] }, { rawHeaders: ['DPoP', 'y'] }],
    ['authority', { authority: 'a.example' }, { authority: 'b.example' }],
    ['scheme', { scheme: 'http' }, { scheme: 'https' }],
    ['a browser that asks', { rawHeaders: [] }, { rawHeaders: ['Origin', 'https://a.example'] }],
  ])('differ by %s', (_what, one, other) => {
    const told = challenging({
      challenge: ({ request: { scheme, authority, headers } }) => [
        ['X-Told', `${scheme} ${authority} ${headers.only('dpop')}`],
      ],
      challengeKind: (_refusal, request) => String(request.headers.only('dpop')),
    })
    const guard = aGuard([refuseWith('nonce_missing'), told])
    const answer = (input: RequestInput): unknown => {
      const verdict = atOnce(guard(aRequest(input)))
      return [fieldOf(verdict, 'x-told'), fieldOf(verdict, 'access-control-expose-headers').length]
    }
    const alone = [one, other].map((input) => JSON.stringify(answer(input)))
    expect([one, other, one].map((input) => JSON.stringify(answer(input)))).toEqual([alone[0], alone[1], alone[0]])
    expect(alone[0]).not.toBe(alone[1])
  })

  it('are written anew for a check that does not say what its challenge depends on, or cannot', () => {
    for (const more of [{}, { challengeKind: () => undefined }]) {
      let written = 0
      const counting = challenging({ challenge: () => [['X-Count', String(++written)]], ...more })
      const guard = aGuard([refuseWith('nonce_missing'), counting, challenging({ challenge: noncePlain })])
      const seen = [1, 2].map(() => fieldOf(atOnce(guard(GET)), 'x-count'))
      expect(seen).toEqual([['1'], ['2']])
    }
  })

  it.each([
    ['hints', { hints: { a: 1 } }],
    ['members', { members: { a: 1 } }],
    ['a time to wait', { retryAfterSeconds: 7 }],
  ])('are written anew for refusals with %s', (_what, details) => {
    let written = 0
    const counting = challenging({ challenge: () => [['X-Count', String(++written)]], challengeKind: () => '' })
    const refuse = defineCheck({ name: 'refuse', needs: [], adds: [] }, () => {
      throw new Refusal('rate_limited', 'later', details)
    })
    const guard = aGuard([refuse, counting])
    expect([1, 2].map(() => fieldOf(atOnce(guard(GET)), 'x-count'))).toEqual([['1'], ['2']])
  })

  it.each([
    ['none', undefined, 'nonce="undefined"'],
    ['one that must be escaped', 'a"b', 'nonce="a"b"'],
  ])('are written anew when the store issues %s', (_what, second, told) => {
    const nonces = ['first', second]
    const issuing = challenging({ challenge: noncePlain, challengeKind: () => '', issueNonce: () => nonces.shift() })
    const guard = aGuard([refuseWith('nonce_missing'), issuing])
    expect([1, 2].map(() => fieldOf(atOnce(guard(GET)), 'x-nonce'))).toEqual([['nonce="first"'], [told]])
  })

  it('tell of a challenge that fails each time, and of a store that fails to issue', () => {
    const fail = (): never => {
      throw new Error('not now')
    }
    const reported: string[] = []
    const observers = [{ measured: ({ name }: Measurement) => void reported.push(name) }]
    const compose = aFactory({ observers })
    for (const description of [
      { challenge: fail, challengeKind: () => '' },
      { challenge: noncePlain, challengeKind: fail },
      { challenge: noncePlain, challengeKind: () => '', issueNonce: fail },
    ]) {
      const guard = compose([refuseWith('nonce_missing'), challenging(description)])
      expect([1, 2].map(() => problemOf(atOnce(guard(GET)))['code'])).toEqual(['nonce_missing', 'nonce_missing'])
    }
    expect(reported.filter((name) => name === 'challenge_failures_total')).toHaveLength(4)
  })

  it('cannot be changed by who sends them', () => {
    const guard = aGuard([refuseWith('nonce_missing'), challenging({ challenge: noncePlain, challengeKind: () => '' })])
    const [first] = [1, 2].map(() => atOnce(guard(GET)))
    if (first?.outcome !== 'deny') throw new Error('it passed')
    expect([first.reply.headers, ...first.reply.headers].every((part) => Object.isFrozen(part))).toBe(true)
  })
})

describe('an attacker', () => {
  it('cannot make the memory of answers grow, nor close it to others', () => {
    const templates = createReplyTemplates()
    const template = createReplyTemplate({ status: 401, headers: [['X', NONCE_MARK]], body: ID_MARK })
    for (let index = 0; index < 1000; index++) templates.keep(`kind ${index}`, template)
    const kept = Array.from({ length: 1000 }, (_, index) => templates.find(`kind ${index}`)).filter(Boolean)
    expect(kept.length).toBeLessThanOrEqual(256)
    expect(templates.find('kind 999')).toBe(template)
  })
})
