import fc from 'fast-check'

import { sourceOf, TopFailures } from '../src/top-failures.ts'

const START_MS = 1_764_000_000_000

function withFailures(addresses: readonly string[], sources = 10) {
  const failures = new TopFailures({ sources, halfLifeMs: 60_000 })
  for (const address of addresses) failures.count({ address, code: 'key_unknown', atMs: START_MS })
  return failures
}

describe('the sources of most failures', () => {
  it('come heaviest first, with their last code', () => {
    const failures = withFailures(['192.0.2.1', '192.0.2.2', '192.0.2.2'])
    expect(failures.top(2, START_MS)).toEqual([
      { source: '192.0.2.2', failures: 2, atLeast: 2, lastCode: 'key_unknown', lastAtMs: START_MS },
      { source: '192.0.2.1', failures: 1, atLeast: 1, lastCode: 'key_unknown', lastAtMs: START_MS },
    ])
  })

  it('fade: after a half-life a failure counts half', () => {
    const failures = withFailures(['192.0.2.1', '192.0.2.1'])
    expect(failures.top(1, START_MS + 60_000)).toMatchObject([{ failures: 1 }])
  })

  it('fade to nothing without an overflow of numbers', () => {
    const failures = withFailures(['192.0.2.1'])
    failures.count({ address: '192.0.2.2', code: 'key_unknown', atMs: START_MS + 600 * 60_000 })
    expect(failures.top(2, START_MS + 600 * 60_000).map(({ source, failures }) => [source, failures])).toEqual([
      ['192.0.2.2', 1],
      ['192.0.2.1', 0],
    ])
  })

  it('are found among a hundred thousand others that fail once each', () => {
    const noise = Array.from(
      { length: 100_000 },
      (_, index) => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
    )
    const attack = noise.flatMap((address, index) => (index % 20 === 0 ? [address, '192.0.2.66'] : [address]))
    const [first] = withFailures(attack, 100).top(1, START_MS)
    expect(first?.source).toBe('192.0.2.66')
    expect(first?.atLeast).toBeGreaterThan(4_000)
  })

  it('never count more than there was, nor less than they say at least', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 300 }), (numbers) => {
        const addresses = numbers.map((number) => `192.0.2.${number}`)
        for (const { source, failures, atLeast } of withFailures(addresses, 5).top(100, START_MS)) {
          const real = addresses.filter((address) => address === source).length
          expect([atLeast <= real, failures >= real]).toEqual([true, true])
        }
      }),
    )
  })
})

describe('sourceOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0:00a1:ffff::1', '2001:db8:0:a1::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('takes %s for %s', (address, source) => expect(sourceOf(address)).toBe(source))
})
