import fc from 'fast-check'
import { findNameFault } from '../src/header-fields.ts'
import { createHeaderFields } from '../src/index.ts'

const fields = createHeaderFields(['Host', 'a', 'X-Note', '1', 'x-note', '2', 'X-NOTE', '', ':path', '/'])

describe('header fields', () => {
  it('keep every line of a name, in order', () => {
    expect([fields.lines('x-note'), fields.lines('host'), fields.lines('absent')]).toEqual([['1', '2', ''], ['a'], []])
  })

  it('have an only value for exactly one line', () => {
    expect([fields.only('host'), fields.only('x-note'), fields.only('absent')]).toEqual(['a', undefined, undefined])
  })

  it('leave pseudo-header fields out, and out of the count', () => {
    expect([[...fields.names()], fields.has(':path'), fields.count]).toEqual([['host', 'x-note'], false, 4])
  })

  it.each(['__proto__', 'constructor', 'toString'])('know %s only when it was sent', (name) => {
    expect([fields.has(name), fields.lines(name), fields.only(name)]).toEqual([false, [], undefined])
    expect(createHeaderFields([name, 'x']).only(name.toLowerCase())).toBe('x')
  })
})

describe('any number of header fields', () => {
  it('are grouped as a map would group them', () => {
    const name = fc.constantFrom('Host', 'host', 'X-Note', 'x-note', 'Accept', '__proto__', ':path')
    const many = fc.tuple(fc.array(fc.tuple(name, fc.string())), fc.nat(60), fc.array(fc.tuple(name, fc.string())))
    fc.assert(
      fc.property(many, ([before, invented, behind]) => {
        const lines = [...before, ...Array.from({ length: invented }, (_, at) => [`X-${at}`, ''] as const), ...behind]
        const model = new Map<string, string[]>()
        for (const [field, value] of lines) {
          const lower = field.toLowerCase()
          if (!lower.startsWith(':')) model.set(lower, [...(model.get(lower) ?? []), value])
        }
        const made = createHeaderFields(lines.flat())
        expect([...made.names()].map((known) => [known, made.lines(known)])).toEqual([...model])
        expect(['host', 'x-0', 'x-59', 'absent'].map((name) => made.has(name))).toEqual(
          ['host', 'x-0', 'x-59', 'absent'].map((known) => model.has(known)),
        )
      }),
    )
  })
})

describe('an attacker', () => {
  it('cannot hide a doubled field among a thousand others', () => {
    const invented = Array.from({ length: 900 }, (_, at) => [`X-${at}`, '']).flat()
    for (const lines of [
      ['Nonce', '1', ...invented, 'NONCE', '2'],
      [...invented, 'Nonce', '1', 'nonce', '2'],
    ]) {
      expect(findNameFault(createHeaderFields(lines))).toBe('nonce must occur once')
    }
  })

  it('cannot double a field of an adapter that groups fields by itself', () => {
    const faultOf = (lines: readonly string[]): string | undefined => {
      const fields = createHeaderFields(lines)
      return findNameFault({
        has: (name) => fields.has(name),
        only: (name) => fields.only(name),
        lines: (name) => fields.lines(name),
        names: () => fields.names(),
        count: fields.count,
      })
    }
    expect(faultOf(['Nonce', '1', 'nonce', '2'])).toBe('nonce must occur once')
    expect(faultOf(['Agent_ID', 'a'])).toBe('a security header is spelt with an underscore')
    expect(faultOf(['Nonce', '1', 'X-Note', '1', 'x-note', '2'])).toBeUndefined()
  })
})
