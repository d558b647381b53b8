import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { checkContentDigest, createContentDigest } from '../../src/index.ts'

const BODY = Buffer.from('{"hello": "world"}')
const SHA_256 = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'
const SHA_512 = createContentDigest(BODY, 'sha-512')

describe('createContentDigest', () => {
  it('writes the digests of any content as a dictionary of byte sequences', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.constantFrom('sha-256', 'sha-512'), (content, algorithm) => {
        const expected = createHash(algorithm.replace('-', '')).update(content).digest('base64')
        expect(createContentDigest(content, algorithm)).toBe(`${algorithm}=:${expected}:`)
        expect(() => checkContentDigest([createContentDigest(content, algorithm)], content)).not.toThrow()
      }),
    )
  })
})

describe('checkContentDigest', () => {
  it.each([
    ['sha-256', [SHA_256]],
    ['both algorithms', [`${SHA_512}, ${SHA_256}`]],
    ['both algorithms on two lines', [SHA_256, SHA_512]],
    ['an unknown algorithm besides', [`${SHA_256}, blake3=:AAAA:`]],
    ['a deprecated algorithm besides, even a wrong one', [`md5=:AAAA:, ${SHA_256}`]],
  ])('accepts %s', (_name, lines) => expect(() => checkContentDigest(lines, BODY)).not.toThrow())

  it.each([
    ['no line', []],
    ['nothing', ['']],
    ['only a deprecated algorithm', [`md5=:${createHash('md5').update(BODY).digest('base64')}:`]],
    ['only an unknown algorithm', ['blake3=:AAAA:']],
    ['one wrong among two', [`${SHA_256}, sha-512=:AAAA:`]],
    ['an algorithm stated twice', [`sha-256=:AAAA:, ${SHA_256}`]],
    ['an algorithm stated twice, on two lines', [SHA_256, SHA_256]],
    ['a truncated digest', ['sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBA==:']],
    ['base64 without padding', [SHA_256.replace('PE=', 'PE')]],
    ['base64 with stray bits', [SHA_256.replace('PE=', 'PF=')]],
    ['hexadecimal', [`sha-256=:${createHash('sha256').update(BODY).digest('hex')}:`]],
    ['a string', [`sha-256="X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="`]],
    ['the name in capitals', [SHA_256.replace('sha', 'SHA')]],
  ])('refuses %s', (_name, lines) => {
    expect(() => checkContentDigest(lines, BODY)).toThrow(expect.objectContaining({ code: 'digest_mismatch' }))
  })

  it('notices any change of the content', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (content, at, change) => {
          const changed = Uint8Array.from(content)
          const index = at % content.length
          changed[index] = (content[index] ?? 0) ^ change
          expect(() => checkContentDigest([createContentDigest(content)], changed)).toThrow('sha-256 does not match')
        },
      ),
    )
  })

  // One digest spelt as ours is not parsed; with another beside it, it is.
  it('judges one line alone as it judges it beside an unknown algorithm', () => {
    const passes = (line: string): boolean => {
      try {
        checkContentDigest([line], BODY)
        return true
      } catch {
        return false
      }
    }
    const at = fc.nat({ max: SHA_256.length })
    const edits = fc.array(fc.tuple(at, fc.nat({ max: 1 }), fc.string({ maxLength: 1, unit: 'grapheme-ascii' })), {
      maxLength: 2,
    })
    fc.assert(
      fc.property(edits, (changes) => {
        const line = changes.reduce(
          (text, [start, gone, put]) => text.slice(0, start) + put + text.slice(start + gone),
          SHA_256,
        )
        expect(passes(line)).toBe(passes(`${line}, blake3=:AAAA:`))
      }),
      { numRuns: 2000 },
    )
  })

  it('tells a developer which digest was expected', () => {
    const expected = SHA_256.slice(9, -1)
    expect(() => checkContentDigest(['sha-256=:AAAA:'], BODY)).toThrow(
      expect.objectContaining({ diagnosis: { digest: { algorithm: 'sha-256', expected, received: 'AAAA' } } }),
    )
  })
})
