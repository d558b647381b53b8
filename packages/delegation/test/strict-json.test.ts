import fc from 'fast-check'
import { AmbiguousJson, parseStrictJson } from '../src/strict-json.ts'

describe('strict JSON', () => {
  it('reads whatever JSON.parse reads alike', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(!text.includes('__proto__'))
        expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each([
    '{"sub":"a","sub":"admin"}',
    '{"sub":"a","s\\u0075b":"admin"}',
    '{"act":{"sub":"a" , "sub"\n:\t"b"}}',
    '[{"a":1,"b":[{"c":1,"c":1}]}]',
    '{"":1,"":2}',
  ])('refuses a member that occurs twice: %s', (text) => {
    expect(() => parseStrictJson(text)).toThrow(AmbiguousJson)
  })

  it.each(['{"a":"a","b":"a"}', '{"a":{"a":1}}', '[{"a":1},{"a":2}]', '{"a":"\\"a\\":","b":1}', '{"a":["a","a"]}'])(
    'takes the same text in different places: %s',
    (text) => {
      expect(parseStrictJson(text)).toEqual(JSON.parse(text))
    },
  )

  it('finds every member that is written twice, wherever it stands', () => {
    const inner = fc.json({ maxDepth: 2 })
    fc.assert(
      fc.property(inner, fc.string(), inner, (one, name, other) => {
        const member = JSON.stringify(name)
        expect(() => parseStrictJson(`{"x":[{${member}:${one},"other member":1,${member}:${other}}]}`)).toThrow()
      }),
    )
  })

  it.each(['{"__proto__":{"scope":"*"}}', '{"a":{"__pr\\u006fto__":1}}'])('refuses %s', (text) => {
    expect(() => parseStrictJson(text)).toThrow(AmbiguousJson)
  })

  it('refuses a number beyond a double', () => {
    expect(() => parseStrictJson('{"exp":1e400}')).toThrow(AmbiguousJson)
  })

  it('refuses what nests too deep or holds too much', () => {
    expect(() => parseStrictJson(`${'['.repeat(33)}${']'.repeat(33)}`)).toThrow(AmbiguousJson)
    expect(() => parseStrictJson(`[${Array.from({ length: 512 }, () => '[]').join()}]`)).toThrow(AmbiguousJson)
    const members = Array.from({ length: 513 }, (_, index) => `"m${index}":0`).join()
    expect(() => parseStrictJson(`{${members}}`)).toThrow(AmbiguousJson)
  })

  it('freezes what it read, all the way down', () => {
    const value = parseStrictJson('{"a":[{"b":1}]}') as { a: { b: number }[] }
    expect(() => value.a.push({ b: 2 })).toThrow(TypeError)
    expect(Object.isFrozen(value.a[0])).toBe(true)
  })
})
