import { type Check, defineCheck, type ProofFact } from '../src/index.ts'
import { aGuard, aRequest, atOnce, codeOf, nameAgent, problemOf, type RequestInput } from './guarding.ts'

const HOST = ['Host', 'api.example.com']
const guard = aGuard([nameAgent()])

function judge(input: RequestInput): string | undefined {
  return codeOf(atOnce(guard(aRequest(input))))
}

describe('a request-target', () => {
  it.each([
    '/',
    '/orders',
    '/orders?limit=10',
    '/a//b',
    '/a/../b',
    '/%61dmin',
    '/a;v=1?q=%zz',
    '/~a!$&()*+,:@"<>{}|^`[]',
    '/a?b=\\c',
    '/a?b?c',
  ])('may be %s', (target) => expect(judge({ target })).toBeUndefined())

  it.each([
    ['absolute-form', 'http://evil.example/admin'],
    ['absolute-form of our own host', 'https://api.example.com/orders'],
    ['a network path', '//evil.example/admin'],
    ['authority-form', 'api.example.com:443'],
    ['a relative path', 'orders'],
    ['nothing', ''],
    ['only a query', '?limit=10'],
    ['a fragment', '/orders#top'],
    ['a backslash', '/\\evil.example'],
    ['a backslash further on', '/a\\b?c'],
    ['a fragment in the query', '/a?b#c'],
    ['a space', '/orders list'],
    ['a line break', '/orders\n'],
    ['a control character', '/orders\u0000'],
    ['a character outside ASCII', '/caf\u00e9'],
    ['an asterisk for GET', '*'],
  ])('may not be %s', (_name, target) => {
    expect(judge({ target })).toBe('request_malformed')
  })

  it('may be an asterisk for OPTIONS', () => {
    expect(judge({ target: '*', method: 'OPTIONS' })).toBeUndefined()
  })
})

describe('content', () => {
  it.each([[['Content-Length', '2']], [['Transfer-Encoding', 'chunked']], [['Transfer-Encoding', 'Chunked']]])(
    'may be framed by %j',
    (fields) => {
      expect(judge({ method: 'POST', rawHeaders: [...HOST, ...fields] })).toBeUndefined()
    },
  )

  it.each([
    [['Content-Length', '2', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', 'chunked, identity']],
    [['Transfer-Encoding', 'identity']],
    [['Transfer-Encoding', 'gzip, chunked']],
    [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', '']],
  ])('may not be framed by %j', (fields) => {
    expect(judge({ method: 'POST', rawHeaders: [...HOST, ...fields] })).toBe('request_malformed')
  })
})

describe('a field that overrides the method', () => {
  const fields = ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override']
  const covering = (covered: string): Check =>
    defineCheck({ name: 'prove', needs: [], adds: ['proof'] }, () => ({
      proof: { covers: (name: string) => name === covered } as ProofFact,
    }))
  const judgedBy = (checks: readonly Check[], name: string, options = {}) =>
    codeOf(atOnce(aGuard(checks, options)(aRequest({ rawHeaders: [...HOST, name, 'DELETE'] }))))

  it.each(fields)('is refused without a proof that covers it: %s', (name) => {
    expect(judgedBy([nameAgent()], name)).toBe('coverage_insufficient')
    expect(judgedBy([nameAgent(), covering('@method')], name)).toBe('coverage_insufficient')
    expect(judgedBy([nameAgent(), covering(name.toLowerCase())], name)).toBeUndefined()
  })

  it.each(fields)('passes where nothing behind reads it: %s', (name) => {
    expect(judgedBy([nameAgent()], name, { methodOverride: 'ignored' })).toBeUndefined()
  })
})

describe('a header field that decides who calls', () => {
  const once = ['Agent-ID', 'Authorization', 'Content-Type', 'DPoP', 'Host', 'Nonce', 'Timestamp', 'Txn-Token']
  const more = ['Agent-Auth-Version', 'Agent-Delegation', 'Content-Length', 'Idempotency-Key', 'Key-ID']
  const names = [...once, ...more, 'Workload-Identity-Token']

  it.each(names)('%s may occur once', (name) => {
    expect(judge({ rawHeaders: [...HOST, ...(name === 'Host' ? [] : [name, 'a'])] })).toBeUndefined()
  })

  it.each(names)('%s may not occur twice, however it is spelt', (name) => {
    const rawHeaders = [...(name === 'Host' ? [] : HOST), name, 'a', name.toUpperCase(), 'a']
    expect(judge({ rawHeaders })).toBe('request_malformed')
  })

  it.each([
    'Agent_ID',
    'agent_id',
    'Content_Digest',
    'SIGNATURE_INPUT',
    'x_forwarded_for',
    'X_Agent_Signature',
    'x_real-ip',
  ])('may not be spelt %s', (name) => expect(judge({ rawHeaders: [...HOST, name, 'evil'] })).toBe('request_malformed'))

  it.each(['x_trace', 'my_field', '__proto__', 'constructor'])('has nothing to do with %s', (name) => {
    expect(judge({ rawHeaders: [...HOST, name, 'x', name, 'y'] })).toBeUndefined()
  })
})

describe('the number of header fields', () => {
  const fields = (count: number): readonly string[] => [
    ...HOST,
    ...Array.from({ length: count - 1 }, (_, index) => [`x-${index}`, '']).flat(),
  ]

  it.each([
    [200, undefined],
    [201, 'headers_too_large'],
    [1000, 'headers_too_large'],
  ])('of %d is judged %s', (count, code) => {
    expect(judge({ rawHeaders: fields(count) })).toBe(code)
  })

  it('has the limit that the application sets', () => {
    const strict = aGuard([nameAgent()], { maxHeaderFields: 3 })
    expect(codeOf(atOnce(strict(aRequest({ rawHeaders: fields(4) }))))).toBe('headers_too_large')
  })
})

describe('a host', () => {
  it('that is none of ours is refused', () => {
    expect(judge({ authority: '' })).toBe('authority_mismatch')
  })

  it('that is none of ours is told to a developer, and to nobody else', () => {
    const input = { authority: '', rawHeaders: ['Host', 'localhost:3000'] }
    const told = aGuard([nameAgent()], { development: true })
    expect(problemOf(atOnce(told(aRequest(input))))).toMatchObject({ diagnosis: { received: ['localhost:3000'] } })
    expect(JSON.stringify(problemOf(atOnce(guard(aRequest(input)))))).not.toContain('localhost')
  })

  it('that is missing is refused', () => {
    expect(judge({ authority: '', rawHeaders: [] })).toBe('request_malformed')
  })

  it('may be named by HTTP/2 instead of Host', () => {
    expect(judge({ rawHeaders: [] })).toBeUndefined()
  })
})

describe('the shape of a request', () => {
  it('is refused before any check runs', () => {
    let runs = 0
    const counting = aGuard([() => ({ agent: runs++ })])
    atOnce(counting(aRequest({ target: '//evil.example' })))
    expect(runs).toBe(0)
  })
})
