import { createCircuitBreaker, withDeadline } from '../src/internal.ts'

describe('the circuit breaker', () => {
  const RULE = { failuresToOpen: 3, probeEveryMs: 1000 }

  it('opens after failures in a row, and says so once', () => {
    const breaker = createCircuitBreaker(RULE)
    expect([breaker.failed(0), breaker.failed(0), breaker.failed(0), breaker.failed(0)]).toEqual([
      false,
      false,
      true,
      false,
    ])
    expect(breaker.allows(999)).toBe(false)
  })

  it('stays closed while some succeed', () => {
    const breaker = createCircuitBreaker(RULE)
    for (let round = 0; round < 10; round++) {
      breaker.failed(0)
      breaker.failed(0)
      expect(breaker.succeeded()).toBe(false)
    }
    expect(breaker.allows(0)).toBe(true)
  })

  it('lets one probe through a second, and closes with the first success', () => {
    const breaker = createCircuitBreaker(RULE)
    for (let failure = 0; failure < 3; failure++) breaker.failed(0)
    expect([breaker.allows(1000), breaker.allows(1000), breaker.allows(2000)]).toEqual([true, false, true])
    expect(breaker.succeeded()).toBe(true)
    expect(breaker.allows(2000)).toBe(true)
  })
})

describe('the deadline', () => {
  it('hands on what comes in time', async () => {
    await expect(withDeadline(Promise.resolve('answer'), 50)).resolves.toBe('answer')
    await expect(withDeadline(Promise.reject(new Error('no')), 50)).rejects.toThrow('no')
  })

  it('gives up what does not come', async () => {
    await expect(withDeadline(new Promise(() => undefined), 5)).rejects.toThrow('no answer within 5 ms')
  })

  it('takes an answer that lies ready after the process itself was busy', async () => {
    const answer = withDeadline(new Promise((resolve) => setImmediate(resolve, 'answer')), 5)
    const untilMs = performance.now() + 20
    while (performance.now() < untilMs);
    await expect(answer).resolves.toBe('answer')
  })
})
