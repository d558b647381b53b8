import { type Check, type CheckDescription, defineCheck } from '../src/index.ts'
import { aFactory, aGuard, aRequest, atOnce, codeOf, fieldOf, refuseWith } from './guarding.ts'

describe('a challenge', () => {
  const challenging = (challenge: () => readonly (readonly [string, string])[], name = 'c'): Check => {
    return defineCheck({ name, needs: [], adds: [], challenge }, () => ({}))
  }
  const refuse = refuseWith('signature_expired')

  it('comes from every check of the guard, whichever refused', () => {
    const checks = [
      refuse,
      challenging(() => [['Accept-Signature', 'sig1=()']]),
      challenging(() => [['Want-Content-Digest', 'sha-256=1']]),
    ]
    const verdict = atOnce(aGuard(checks)(aRequest()))
    expect([fieldOf(verdict, 'accept-signature'), fieldOf(verdict, 'want-content-digest')]).toEqual([
      ['sig1=()'],
      ['sha-256=1'],
    ])
  })

  it('that fails costs its fields, not the answer', () => {
    const names: string[] = []
    const fail = challenging(() => {
      throw new Error('no nonce to be had')
    })
    const options = { observers: [{ measured: ({ name }: { name: string }) => void names.push(name) }] }
    const verdict = atOnce(aGuard([refuse, fail, challenging(() => [['X-Other', 'kept']])], options)(aRequest()))
    expect([codeOf(verdict), fieldOf(verdict, 'x-other'), names]).toEqual([
      'signature_expired',
      ['kept'],
      ['challenge_failures_total'],
    ])
  })

  it.each([
    ['a line break', 'X-Note', 'a\r\nSet-Cookie: b'],
    ['a character that no field has', 'X-Note', 'caf\u0119'],
    ['a name that is none', 'X Note', 'a'],
  ])('with %s is not sent', (_name, field, value) => {
    const verdict = atOnce(aGuard([refuse, challenging(() => [[field, value]])])(aRequest()))
    expect(fieldOf(verdict, field)).toEqual([])
  })

  it('sees one nonce, issued by the check that will know it, only when it asks', () => {
    let issued = 0
    const issuing = defineCheck({ name: 'i', needs: [], adds: [], issueNonce: () => `nonce-${++issued}` }, () => ({}))
    const asking = (name: string): Check =>
      defineCheck({ name, needs: [], adds: [], challenge: ({ nonce }) => [[name, `${nonce}`]] }, () => ({}))
    const verdict = atOnce(aGuard([refuse, issuing, asking('X-A'), asking('X-B')])(aRequest()))
    expect([fieldOf(verdict, 'x-a'), fieldOf(verdict, 'x-b'), issued]).toEqual([['nonce-1'], ['nonce-1'], 1])
    atOnce(aGuard([refuse, issuing])(aRequest()))
    expect(issued).toBe(1)
  })

  it('sees no more than the caller is told', () => {
    const codes: string[] = []
    const challenge: CheckDescription['challenge'] = ({ refusal }) => {
      codes.push(refusal.code, String(refusal.cause))
      return []
    }
    const telling = defineCheck({ name: 't', needs: [], adds: [], challenge }, () => ({}))
    const compose = aFactory({ errorDetail: 'minimal' })
    atOnce(compose([refuseWith('key_unknown'), telling])(aRequest()))
    atOnce(compose([refuseWith('signature_expired'), telling])(aRequest()))
    expect(codes).toEqual(['signature_invalid', 'undefined', 'signature_expired', 'undefined'])
  })
})
