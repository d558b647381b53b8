import { setImmediate as nextTurn } from 'node:timers/promises'
import { isUnavailable, type SignatureVerifier } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { agentKeyOf, createTestAgent, createTestEnvironment } from '@countermark/testing'
import { createVerificationQueue, type Verification } from '../src/verification-queue.ts'

describe('createVerificationQueue', () => {
  it('answers at once while a turn of the event loop has seen few verifications', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 2 })
    const verification = await aVerification()
    const environment = createTestEnvironment()
    expect([queue.verify(verification, environment), queue.verify(verification, environment)]).toEqual([true, true])
    expect(environment.observer.total('verifications_total', { mode: 'sync' })).toBe(2)
  })

  it('hands the rest of a burst to the thread pool', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 1 })
    const verification = await aVerification()
    const environment = createTestEnvironment()
    const verdicts = Array.from({ length: 20 }, () => queue.verify(verification, environment))
    expect(verdicts.map((verdict) => verdict instanceof Promise)).toEqual([false, ...Array(19).fill(true)])
    expect(await Promise.all(verdicts)).toEqual(Array(20).fill(true))
    expect(environment.observer.total('verifications_total', { mode: 'pool' })).toBe(19)
  })

  it('answers at once again in the next turn', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 1 })
    const verification = await aVerification()
    const environment = createTestEnvironment()
    expect(queue.verify(verification, environment)).toBe(true)
    expect(await queue.verify(verification, environment)).toBe(true)
    await nextTurn()
    expect(queue.verify(verification, environment)).toBe(true)
  })

  it('refuses a bad signature in both ways', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 1 })
    const verification = { ...(await aVerification()), data: Buffer.from('another') }
    const environment = createTestEnvironment()
    const verdicts = [queue.verify(verification, environment), queue.verify(verification, environment)]
    expect(await Promise.all(verdicts)).toEqual([false, false])
  })

  it('keeps a bounded number in flight and answers all of them', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 3, maxQueued: 100 })
    const { verifier, peak } = countingVerifier()
    const environment = createTestEnvironment({ verifier })
    const verification = await aVerification()
    const verdicts = await Promise.all(Array.from({ length: 40 }, () => queue.verify(verification, environment)))
    expect(verdicts).toEqual(Array(40).fill(true))
    expect(peak()).toBe(3)
  })

  it('refuses what does not fit into the queue, and counts it', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 2 })
    const environment = createTestEnvironment()
    const verification = await aVerification()
    const accepted = Array.from({ length: 3 }, () => queue.verify(verification, environment))
    expect(() => queue.verify(verification, environment)).toThrow(
      expect.objectContaining({ code: 'overloaded', dependency: 'verification', retryAfterSeconds: 1 }),
    )
    expect(environment.observer.total('verifications_shed_total')).toBe(1)
    expect(await Promise.all(accepted)).toEqual([true, true, true])
  })

  it('verifies what comes from proven keys before all others, which keep an eighth of the turns', async () => {
    const { verify, order } = await aBusyQueue({ maxQueued: 40 })
    const strangers = Array.from({ length: 20 }, () => verify('stranger', '203.0.113.9'))
    const known = Array.from({ length: 20 }, () => verify('known', '198.51.100.80'))
    await Promise.all([...strangers, ...known])
    expect(order.slice(1, 24).filter((who) => who === 'stranger')).toHaveLength(3)
    expect(order).toHaveLength(41)
  })

  it('gives a place in a full queue to a proven key, and sheds the last of the others', async () => {
    const { verify } = await aBusyQueue({ maxQueued: 2 })
    const first = verify('stranger', '203.0.113.9')
    const last = verify('stranger', '203.0.113.9')
    const shed = expect(last).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 })
    const known = [verify('known', '198.51.100.7')]
    await shed
    expect(() => verify('stranger', '203.0.113.9')).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect(await Promise.all([first, ...known])).toEqual([false, true])
  })

  it('refuses even proven keys when all that wait are proven', async () => {
    const { verify } = await aBusyQueue({ maxQueued: 1 })
    const waiting = verify('known', '198.51.100.7')
    expect(() => verify('known', '198.51.100.7')).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect(await waiting).toBe(true)
  })

  it('accepts again once the queue has room', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 0 })
    const environment = createTestEnvironment()
    const verification = await aVerification()
    const first = queue.verify(verification, environment)
    expect(isUnavailable(thrownBy(() => queue.verify(verification, environment)))).toBe(true)
    await first
    expect(await queue.verify(verification, environment)).toBe(true)
  })

  it('frees its place when the verifier fails', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 1 })
    const broken: SignatureVerifier = { ...nodeVerifier, verifyInThreadPool: () => Promise.reject(new Error('broken')) }
    const verification = await aVerification()
    const failing = queue.verify(verification, createTestEnvironment({ verifier: broken }))
    const waiting = queue.verify(verification, createTestEnvironment())
    await expect(failing).rejects.toThrow('broken')
    expect(await waiting).toBe(true)
  })

  it('reports how many wait, down to none', async () => {
    const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 2 })
    const environment = createTestEnvironment()
    const verification = await aVerification()
    await Promise.all(Array.from({ length: 3 }, () => queue.verify(verification, environment)))
    const waiting = environment.observer.measurements.filter(({ name }) => name === 'verifications_waiting')
    expect(waiting.map(({ value }) => value)).toEqual([1, 2, 1, 0])
  })

  it.each([{ syncPerTurn: -1 }, { maxInFlight: 0 }, { maxQueued: Number.NaN }])('refuses the limits %j', (options) => {
    expect(() => createVerificationQueue(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

interface BusyQueue {
  /** Who was verified, in this order. */
  readonly order: readonly string[]
  readonly inFlight: boolean | Promise<boolean>
  readonly verify: (who: 'known' | 'stranger', source: string) => boolean | Promise<boolean>
}

/** A queue with one verification in flight, and a key that proved itself from 198.51.100.0/24. */
async function aBusyQueue(limits: { readonly maxQueued: number }): Promise<BusyQueue> {
  const order: string[] = []
  const known = { ...(await aVerification()), caller: { remoteAddress: '198.51.100.7' } }
  const stranger = { ...(await aVerification()), data: Buffer.from('forged') }
  const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, ...limits })
  const verifier: SignatureVerifier = {
    ...nodeVerifier,
    verifyInThreadPool: (key, ...more) => {
      order.push(key === known.key ? 'known' : 'stranger')
      return nodeVerifier.verifyInThreadPool(key, ...more)
    },
  }
  const environment = createTestEnvironment({ verifier })
  await queue.verify(known, environment)
  order.length = 0
  const inFlight = queue.verify(known, environment)
  return {
    order,
    inFlight,
    verify: (who, remoteAddress) =>
      queue.verify({ ...(who === 'known' ? known : stranger), caller: { remoteAddress } }, environment),
  }
}

async function aVerification(): Promise<Verification> {
  const agent = await createTestAgent({ agentId: 'agt_buyer' })
  const data = Buffer.from('a message')
  return { key: agentKeyOf(agent), data, signature: await agent.sign(data) }
}

function countingVerifier(): { readonly verifier: SignatureVerifier; readonly peak: () => number } {
  let running = 0
  let peak = 0
  const verifyInThreadPool: SignatureVerifier['verifyInThreadPool'] = async (...verification) => {
    peak = Math.max(peak, ++running)
    const verdict = await nodeVerifier.verifyInThreadPool(...verification)
    running--
    return verdict
  }
  return { verifier: { ...nodeVerifier, verifyInThreadPool }, peak: () => peak }
}

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

describe('an attacker', () => {
  it('cannot go first by naming the key of a known agent from another network', async () => {
    const { verify, order } = await aBusyQueue({ maxQueued: 4 })
    const elsewhere = verify('known', '203.0.113.9')
    const here = verify('known', '198.51.100.7')
    const shed = [verify('stranger', '203.0.113.9'), verify('stranger', '203.0.113.9')]
    expect(() => verify('known', '203.0.113.9')).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect(await Promise.all([elsewhere, here, ...shed])).toEqual([true, true, false, false])
    expect(order).toHaveLength(5)
  })
})
