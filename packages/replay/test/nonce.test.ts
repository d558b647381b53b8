import fc from 'fast-check'
import { createNonce, recognisesNonce } from '../src/nonce.ts'

const SECRET = new Uint8Array(32).fill(7)
const NOW_MS = 1_767_225_600_123
const RULE = { nonceSeconds: 300, futureSkewSeconds: 30 }

describe('a nonce of our own', () => {
  it('is recognised by its secret only', () => {
    const nonce = createNonce(SECRET, NOW_MS)
    expect(recognisesNonce(nonce, SECRET, RULE, NOW_MS)).toBe(true)
    expect(recognisesNonce(nonce, new Uint8Array(32), RULE, NOW_MS)).toBe(false)
  })

  it('is recognised for a time', () => {
    const nonce = createNonce(SECRET, NOW_MS)
    expect(recognisesNonce(nonce, SECRET, RULE, NOW_MS + 300_000)).toBe(true)
    expect(recognisesNonce(nonce, SECRET, RULE, NOW_MS + 300_001)).toBe(false)
    expect(recognisesNonce(nonce, SECRET, RULE, NOW_MS - 30_000)).toBe(true)
    expect(recognisesNonce(nonce, SECRET, RULE, NOW_MS - 30_001)).toBe(false)
  })

  it('has one spelling: no character can be changed, added or left out', () => {
    const nonce = createNonce(SECRET, NOW_MS)
    const alphabet = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ')
    fc.assert(
      fc.property(fc.nat(nonce.length - 1), alphabet, (at, character) => {
        const changed = nonce.slice(0, at) + character + nonce.slice(at + 1)
        fc.pre(changed !== nonce)
        return !recognisesNonce(changed, SECRET, RULE, NOW_MS)
      }),
    )
    for (const other of [`${nonce}A`, `${nonce}=`, nonce.slice(0, -1), '', ` ${nonce}`]) {
      expect(recognisesNonce(other, SECRET, RULE, NOW_MS)).toBe(false)
    }
  })

  it('is refused, whatever text stands in its place', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !recognisesNonce(text, SECRET, RULE, NOW_MS)))
  })
})
