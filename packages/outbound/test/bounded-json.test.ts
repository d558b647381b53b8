import fc from 'fast-check'
import { decodeUtf8, parseBoundedJson } from '../src/document.ts'

describe('parseBoundedJson', () => {
  it('parses what JSON.parse parses', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        expect(parseBoundedJson(text, 64)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('accepts the limit and refuses one level more', () => {
    expect(parseBoundedJson('[[{"a":[1]}]]', 4)).toEqual([[{ a: [1] }]])
    expect(() => parseBoundedJson('[[{"a":[1]}]]', 3)).toThrow(expect.objectContaining({ reason: 'too_deep' }))
  })

  it('does not count brackets inside strings', () => {
    const text = JSON.stringify({ a: '[[[[{{{{', 'b\\"[[': '\\', c: '"{[' })
    expect(parseBoundedJson(text, 1)).toEqual(JSON.parse(text))
  })

  it('counts depth as deep as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.boolean(), (depth, asObject) => {
        const [open, close] = asObject ? ['{"a":', '}'] : ['[', ']']
        const text = `${open.repeat(depth)}0${close.repeat(depth)}`
        expect(() => parseBoundedJson(text, depth)).not.toThrow()
        expect(() => parseBoundedJson(text, depth - 1)).toThrow(expect.objectContaining({ reason: 'too_deep' }))
      }),
    )
  })

  it.each(['', '{', '[1,]', '{"a"}', 'NaN', '<html>'])('refuses %j', (text) => {
    expect(() => parseBoundedJson(text, 8)).toThrow(expect.objectContaining({ reason: 'malformed' }))
  })

  it('refuses ten thousand brackets without descending into them', () => {
    expect(() => parseBoundedJson('['.repeat(10_000), 8)).toThrow(expect.objectContaining({ reason: 'too_deep' }))
  })
})

describe('decodeUtf8', () => {
  it('drops a byte order mark', () => {
    expect(decodeUtf8(Buffer.from('efbbbf7b7d', 'hex'))).toBe('{}')
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(() => decodeUtf8(Buffer.from('22ff22', 'hex'))).toThrow(expect.objectContaining({ reason: 'malformed' }))
  })
})
