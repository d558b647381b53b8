import fc from 'fast-check'
import { AmbiguousJson, BODY_JSON, parseStrictJson } from '../../src/internal/json.ts'

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
        expect(() => parseStrictJson(`{"x":[{${member}:${one},"other member":1,${member}:${other}}]}`)).toThrow(
          AmbiguousJson,
        )
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

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

describe('JSON of a body', () => {
  it('is what JSON.parse reads, for any value and any layout', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (json, space) => {
        fc.pre(!json.includes('__proto__'))
        const text = JSON.stringify(JSON.parse(json), null, space)
        expect(parseStrictJson(bytes(text), BODY_JSON)).toEqual(JSON.parse(json))
      }),
    )
  })

  it('has no member twice, wherever it stands and however it is spelled', () => {
    const name = fc.string({ unit: 'binary', minLength: 0, maxLength: 4 })
    const wrap = fc.constantFrom('#', '[#]', '{"x":#}', '[{"y":[1,#]}]', '{"x:":":","z":#}')
    fc.assert(
      fc.property(name, wrap, fc.boolean(), (member, around, isEscaped) => {
        const spelled = isEscaped ? escapeAll(member) : JSON.stringify(member)
        const twice = around.replace('#', () => `{"q":1,${JSON.stringify(member)}:1,${spelled}:2}`)
        const once = around.replace('#', () => `{"${member.length}:":1,${spelled}:2}`)
        expect(() => parseStrictJson(bytes(twice), BODY_JSON)).toThrow(SyntaxError)
        expect(parseStrictJson(bytes(once), BODY_JSON)).toEqual(JSON.parse(once))
      }),
    )
  })

  it.each([
    ['', ''],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a byte order mark', '\u{FEFF}{}'],
    ['a comma too many', '{"a":1,}'],
    ['a comment', '{}//'],
    ['a single quote', "{'a':1}"],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['nested too deep', `${'['.repeat(70)}${']'.repeat(70)}`],
  ])('is not %s', (_name, text) => {
    expect(() => parseStrictJson(Buffer.from(text), BODY_JSON)).toThrow(SyntaxError)
  })
})

function escapeAll(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}
