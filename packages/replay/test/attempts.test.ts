import { Attempts } from '../src/redis/claim.ts'

describe('attempts', () => {
  it('gives each attempt a token of its own', () => {
    const attempts = new Attempts()
    expect(attempts.begin('key')).not.toBe(attempts.begin('key'))
  })

  it('hands the token of a given-up attempt to one other attempt', () => {
    const attempts = new Attempts()
    const token = attempts.begin('key')
    attempts.abandon('key', token)
    expect(attempts.begin('another key')).not.toBe(token)
    expect(attempts.begin('key')).toBe(token)
    expect(attempts.begin('key')).not.toBe(token)
  })

  it('remembers ten thousand, and forgets the oldest first', () => {
    const attempts = new Attempts()
    for (let index = 0; index <= 10_000; index++) attempts.abandon(`key ${index}`, `token ${index}`)
    expect(attempts.begin('key 0')).not.toBe('token 0')
    expect(attempts.begin('key 1')).toBe('token 1')
  })
})
