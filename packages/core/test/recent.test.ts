import fc from 'fast-check'
import { createRecent } from '../src/internal.ts'

const LIMITS = { maxEntries: 4, maxCharacters: 40 }

describe('a memory of what came lately', () => {
  it('finds what it keeps', () => {
    const recent = createRecent<object>(LIMITS)
    const value = {}
    recent.keep('a', value)
    expect([recent.find('a'), recent.find('b'), recent.size()]).toEqual([value, undefined, 1])
    expect(recent.find('a')).toBe(value)
  })

  it('keeps what is asked for and lets go of what is not', () => {
    const recent = createRecent<object>(LIMITS)
    for (const name of ['asked', 'b', 'c', 'asked', 'd', 'asked', 'e', 'f']) {
      if (recent.find(name) === undefined) recent.keep(name, { name })
    }
    expect([recent.find('asked'), recent.find('b')]).toEqual([{ name: 'asked' }, undefined])
  })

  it('keeps nothing whose name is longer than half of what all names may be', () => {
    const recent = createRecent<object>(LIMITS)
    recent.keep('x'.repeat(21), {})
    expect(recent.size()).toBe(0)
  })

  it('takes the newer of two values', () => {
    const recent = createRecent<object>(LIMITS)
    recent.keep('a', { age: 1 })
    recent.keep('a', { age: 2 })
    expect([recent.find('a'), recent.size()]).toEqual([{ age: 2 }, 1])
  })
})

describe('an attacker', () => {
  it('cannot make it hold more than its limits, in entries and in characters', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30 })), (names) => {
        const recent = createRecent<object>(LIMITS)
        const kept = new Set(names)
        for (const name of names) recent.find(name) ?? recent.keep(name, {})
        expect(recent.size()).toBeLessThanOrEqual(LIMITS.maxEntries)
        const held = [...kept].filter((name) => recent.find(name) !== undefined)
        expect(held.join('').length).toBeLessThanOrEqual(LIMITS.maxCharacters)
      }),
    )
  })

  it('cannot reach what every object inherits', () => {
    const recent = createRecent<object>(LIMITS)
    expect(['constructor', '__proto__', 'toString'].map(recent.find)).toEqual([undefined, undefined, undefined])
  })
})
