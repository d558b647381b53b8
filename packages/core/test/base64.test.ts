import fc from 'fast-check'
import { decodeBase64, decodeBase64url } from '../src/internal.ts'

const BYTES = Buffer.from('fbff00', 'hex')

describe('decodeBase64', () => {
  it('reads the one canonical spelling', () => {
    expect([decodeBase64('+/8A'), decodeBase64('+/8='), decodeBase64('+w=='), decodeBase64('')]).toEqual([
      BYTES,
      BYTES.subarray(0, 2),
      BYTES.subarray(0, 1),
      Buffer.alloc(0),
    ])
  })

  it.each([
    ['unused bits that are not zero', '+x=='],
    ['missing padding', '+w'],
    ['too much padding', '+w==='],
    ['the alphabet of base64url', '-_8A'],
    ['white space inside', '+/ 8A'],
    ['a line break behind', '+/8A\n'],
    ['characters of no alphabet', '+/8A!'],
    ['padding in the middle', '+w==+w=='],
    ['a full-width letter', '+/8\uff21'],
  ])('refuses %s', (_name, text) => {
    expect(decodeBase64(text)).toBeUndefined()
  })
})

describe('decodeBase64url', () => {
  it('reads the one canonical spelling', () => {
    expect([decodeBase64url('-_8A'), decodeBase64url('-_8'), decodeBase64url('-w')]).toEqual([
      BYTES,
      BYTES.subarray(0, 2),
      BYTES.subarray(0, 1),
    ])
  })

  it.each(['-x', '-w==', '+/8A', '-_8A\n', ' -_8A', 'A', '-_8\u0000'])('refuses %j', (text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })
})

describe('for any bytes', () => {
  it.each([
    ['base64', decodeBase64],
    ['base64url', decodeBase64url],
  ] as const)('what %s says is read back', (encoding, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        return decode(Buffer.from(bytes).toString(encoding))?.equals(bytes) === true
      }),
    )
  })

  it.each([
    ['base64', decodeBase64],
    ['base64url', decodeBase64url],
  ] as const)('no second %s spelling says the same', (encoding, decode) => {
    const characters = fc.constantFrom(...'AQgwx+/-_=\n ')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        const bytes = decode(text)
        return bytes === undefined || bytes.toString(encoding) === text
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the decoder of one pass', () => {
  const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

  function decodeTwice(text: string): string | undefined {
    if (text.length % 4 !== 0 || !CANONICAL.test(text)) return undefined
    const bytes = Buffer.from(text, 'base64')
    return bytes.toString('base64') === text ? bytes.toString('hex') : undefined
  }

  /** A seeded generator (mulberry32): every run decodes the same texts. */
  function createDraw(seed: number): (below: number) => number {
    let state = seed
    return (below) => {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below
    }
  }

  it('answers as an expression and a second writing do: 200,000 texts, most of them with a mistake', () => {
    const draw = createDraw(4648)
    const junk = 'AQgw+/-_= \n\u0000\u007f\u0080\u00ff\u0141\uff21\ud83d'
    const differing: string[] = []
    const seen = { canonical: 0, refused: 0 }
    for (let round = 0; round < 200_000; round++) {
      const bytes = Buffer.from(Array.from({ length: draw(40) }, () => draw(256)))
      let text = bytes.toString('base64')
      for (let mistakes = draw(3); mistakes > 0; mistakes--) {
        const at = draw(text.length + 1)
        text = text.slice(0, at) + junk.charAt(draw(junk.length)) + text.slice(at + draw(2))
      }
      const expected = decodeTwice(text)
      seen[expected === undefined ? 'refused' : 'canonical']++
      if (decodeBase64(text)?.toString('hex') !== expected) differing.push(text)
    }
    expect(differing).toEqual([])
    expect(Math.min(seen.canonical, seen.refused)).toBeGreaterThan(50_000)
  }, 60_000)
})
