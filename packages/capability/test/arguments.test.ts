import type { ProofFact, Refusal } from '@countermark/core'
import { aRequest } from '@countermark/testing'
import {
  type Argument,
  body,
  findByPointer,
  findQueryValue,
  param,
  parsePointer,
  query,
} from '../src/arguments/argument-source.ts'
import { compileArguments } from '../src/arguments/read-arguments.ts'

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

describe('a JSON pointer', () => {
  const document = { a: { 'b/c': [10, { '~': 'deep' }] }, '': 1, '0': 'zero' }

  it.each([
    ['/a/b~1c/0', 10],
    ['/a/b~1c/1/~0', 'deep'],
    ['/', 1],
    ['/0', 'zero'],
    ['/a/b~1c/2', undefined],
    ['/a/b~1c/-', undefined],
    ['/a/b~1c/00', undefined],
    ['/a/b~1c/length', undefined],
    ['/constructor', undefined],
    ['/__proto__/x', undefined],
    ['/a/b/c', undefined],
  ])('%s', (pointer, value) => {
    expect(findByPointer(document, parsePointer(pointer))).toBe(value)
  })

  it.each(['', 'amount', '#/amount', '/a~2', '/~', 7, undefined])('cannot be %j', (text) => {
    expect(() => body(text as string)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

describe('a value of the query', () => {
  it.each([
    ['?amount=5', '5'],
    ['?a=1&amount=5&b=2', '5'],
    ['?amount=a%20b+c', 'a b c'],
    ['?%61mount=5', '5'],
    ['?amount', ''],
    ['?amount==', '='],
    ['?amounts=9&amount=5', '5'],
    ['?x=[amount]&amount=5', '5'],
  ])('%s is %j', (text, value) => {
    expect(findQueryValue(text, 'amount')).toBe(value)
  })

  it.each([
    undefined,
    '?',
    '?amounts=5',
    '?amount=1&amount=2',
    '?amount=1&%61mount=2',
    '?amount=1&amount[]=2',
    '?amount=1&amount%5B%5D=2',
    '?amount=1&amount[0]=2',
    '?amount=1&amount.x=2',
    '?amount=1&[amount]=2',
    '?amount=1&amount]=2',
    '?amount=%zz',
    '?amount=1&x=%zz',
    '?amount=%ff',
    `?amount=1${'&a=1'.repeat(256)}`,
  ])('%j has none that all parsers agree on', (text) => {
    expect(findQueryValue(text, 'amount')).toBeUndefined()
  })
})

describe('where a value may be read', () => {
  const json = { 'Content-Type': 'application/json' }

  function read(headers: Record<string, string>, proof?: ProofFact, text = '{"amount":5}'): Argument {
    const request = aRequest({ method: 'POST', headers, body: text })
    return compileArguments({ amount: body('/amount') }).read({ request, proof, body: bytes(text) })('amount')
  }

  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/merge-patch+json',
  ])('a body of type %s', (type) => {
    expect(read({ 'Content-Type': type })).toEqual({ state: 'present', value: 5, isText: false })
  })

  it.each([
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json, text/plain',
    'application/jsonp',
    'text/json',
    '',
  ])('but not one of type %j, which parsers read by other rules', (type) => {
    expect(read({ 'Content-Type': type }).state).toBe('absent')
  })

  it('nor one without a type, nor one that is compressed', () => {
    expect(read({}).state).toBe('absent')
    expect(read({ ...json, 'Content-Encoding': 'gzip' }).state).toBe('absent')
    expect(read({ ...json, 'Content-Encoding': 'identity' }).state).toBe('present')
  })

  it('is what the signature covers, and nothing else', () => {
    const covering = (...components: readonly string[]): ProofFact =>
      ({ covers: (component: string) => components.includes(component) }) as ProofFact
    const request = aRequest({ target: '/?a=1', route: { template: '/:b', parameters: { b: '2' } } })
    const values = compileArguments({ a: query('a'), b: param('b'), c: 'c:{b}', d: 'fixed' })
    const find = (name: string, proof: ProofFact) => () => values.read({ request, proof, body: undefined })(name)
    for (const [name, component] of [
      ['a', '@query'],
      ['b', '@path'],
      ['c', '@path'],
    ] as const) {
      expect(find(name, covering(component))().state).toBe('present')
      expect(find(name, covering('@target-uri'))().state).toBe('present')
      expect(find(name, covering('@method'))).toThrow(expect.objectContaining({ code: 'coverage_insufficient' }))
    }
    expect(find('d', covering())().state).toBe('present')
    expect(read(json, covering('content-digest')).state).toBe('present')
    const refused = (): Refusal['code'] | 'read' => {
      try {
        read(json, covering('@query'))
        return 'read'
      } catch (error) {
        return (error as Refusal).code
      }
    }
    expect(refused()).toBe('coverage_insufficient')
  })

  it('is absent, covered or not, where the request has none', () => {
    const proof = { covers: () => false } as unknown as ProofFact
    const values = compileArguments({ a: query('a'), b: body('/b') })
    const find = values.read({ request: aRequest({ target: '/' }), proof, body: Buffer.alloc(0) })
    expect([find('a').state, find('b').state]).toEqual(['absent', 'absent'])
  })
})
