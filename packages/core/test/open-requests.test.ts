import type { Observer } from '../src/index.ts'
import { aGuard, aRequest, atOnce, codeOf, refuseWith } from './guarding.ts'

describe('requests that are left open', () => {
  const open = { paths: ['/healthz'], corsPreflight: true }
  const guard = aGuard([refuseWith('credentials_missing')], { open })
  const preflight = ['Host', 'a', 'Origin', 'https://shop.example', 'Access-Control-Request-Method', 'POST']

  it.each([
    ['GET of the path', { target: '/healthz' }, undefined],
    ['HEAD of the path', { target: '/healthz', method: 'HEAD' }, undefined],
    ['GET of the path with a query', { target: '/healthz?verbose' }, undefined],
    ['POST to the path', { target: '/healthz', method: 'POST' }, 'credentials_missing'],
    ['GET of the path with a body', { target: '/healthz', hasBody: true }, 'credentials_missing'],
    ['another case', { target: '/HEALTHZ' }, 'credentials_missing'],
    ['a trailing slash', { target: '/healthz/' }, 'credentials_missing'],
    ['a path below', { target: '/healthz/../orders' }, 'credentials_missing'],
    ['another spelling', { target: '/%68ealthz' }, 'credentials_missing'],
    ['a preflight', { method: 'OPTIONS', rawHeaders: preflight }, undefined],
    ['a preflight with a body', { method: 'OPTIONS', rawHeaders: preflight, hasBody: true }, 'credentials_missing'],
    ['OPTIONS without Origin', { method: 'OPTIONS' }, 'credentials_missing'],
    ['GET with the fields of a preflight', { rawHeaders: preflight }, 'credentials_missing'],
    ['the path for another host', { target: '/healthz', authority: '' }, undefined],
    ['another path for another host', { target: '/orders', authority: '' }, 'authority_mismatch'],
    ['a preflight for another host', { method: 'OPTIONS', rawHeaders: preflight, authority: '' }, 'authority_mismatch'],
  ])('%s', (_name, input, code) => {
    expect(codeOf(atOnce(guard(aRequest(input))))).toBe(code)
  })

  it('count as anonymous', () => {
    const anonymous: boolean[] = []
    const observers: readonly Observer[] = [{ decided: (decision) => void anonymous.push(decision.anonymous) }]
    atOnce(aGuard([refuseWith('credentials_missing')], { open, observers })(aRequest({ target: '/healthz' })))
    expect(anonymous).toEqual([true])
  })

  it('are none unless they are named', () => {
    const closed = aGuard([refuseWith('credentials_missing')])
    const requests = [aRequest({ target: '/healthz' }), aRequest({ method: 'OPTIONS', rawHeaders: preflight })]
    expect(requests.map((request) => codeOf(atOnce(closed(request))))).toEqual([
      'credentials_missing',
      'credentials_missing',
    ])
  })
})

describe('an attacker', () => {
  const open = { paths: ['/healthz'], prefixes: ['/public/'], methods: ['GET', 'POST'], corsPreflight: true }
  const preflight = ['Origin', 'https://shop.example', 'Access-Control-Request-Method', 'POST']
  const send = (input: Parameters<typeof aRequest>[0], options = {}) =>
    codeOf(atOnce(aGuard([refuseWith('credentials_missing')], { open, ...options })(aRequest(input))))

  it.each(['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override'])(
    'cannot make another method of one that is left open: %s',
    (name) => {
      const rawHeaders = ['Host', 'api.example.com', name, 'DELETE']
      const requests = [
        { method: 'POST', target: '/public/a', rawHeaders },
        { method: 'GET', target: '/healthz', rawHeaders },
        { method: 'OPTIONS', rawHeaders: [...rawHeaders, ...preflight] },
      ]
      expect(requests.map((input) => send(input))).toEqual(requests.map(() => 'credentials_missing'))
      const ignored = requests.map((input) => send(input, { methodOverride: 'ignored' }))
      expect(ignored).toEqual(requests.map(() => undefined))
    },
  )
})
