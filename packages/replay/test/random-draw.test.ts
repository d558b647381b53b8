import { createRandomDraw } from '../src/nonce.ts'

describe('a random draw', () => {
  it('gives out every byte once, beyond what it draws at once', () => {
    const draw = createRandomDraw()
    const drawn = Array.from({ length: 1000 }, () => Buffer.from(draw(16)).toString('hex'))
    expect(new Set(drawn).size).toBe(1000)
    expect(drawn.every((text) => text.length === 32)).toBe(true)
  })
})
