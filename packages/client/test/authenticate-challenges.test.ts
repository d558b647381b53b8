import fc from 'fast-check'
import { parseChallenges } from '../src/challenges/www-authenticate.ts'

const read = (value: string): readonly unknown[] =>
  parseChallenges(value).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

describe('WWW-Authenticate', () => {
  it('is read with several challenges on a line', () => {
    expect(
      read('Signature realm="a, b", Agent-Auth version="1", headers="Agent-ID Nonce", nonce="x.y/z=", Bearer'),
    ).toEqual([
      ['signature', { realm: 'a, b' }],
      ['agent-auth', { version: '1', headers: 'Agent-ID Nonce', nonce: 'x.y/z=' }],
      ['bearer', {}],
    ])
  })

  it.each([
    [
      'Negotiate YWJj==, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    [', ,Basic , realm = "a \\"b\\""', [['basic', { realm: 'a "b"' }]]],
    ['Agent-Auth Version=1,NONCE="n"', [['agent-auth', { version: '1', nonce: 'n' }]]],
    ['', []],
    ['"', []],
    ['nonce="n"', []],
    [`Agent-Auth nonce="${'n'.repeat(9000)}"`, []],
  ])('is read in its odd spellings: %s', (value, expected) => {
    expect(read(value)).toEqual(expected)
  })

  it('of any kind never throws and never hangs', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '"', ',', ' ', '\\', ';', '1', '\t') }), (value) => {
        expect(Array.isArray(parseChallenges(value))).toBe(true)
      }),
    )
  })
})
