import { addressPrefix, tryParseNetwork } from '../../src/internal/ip.ts'

function contains(network: string, address: string): boolean | undefined {
  const found = tryParseNetwork(network)
  return found?.contains(address)
}

describe('a network', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.7/24', '192.0.2.9', true],
    ['192.0.2.128/25', '192.0.2.127', false],
    ['192.0.2.128/25', '192.0.2.128', true],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '192.0.2.1', false],
    ['::/0', '2001:db8::1', true],
    ['192.0.2.1/32', '::ffff:192.0.2.1', true],
    ['192.0.2.1', '::ffff:c000:201', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::ffff:192.0.2.0/120', '192.0.2.9', true],
    ['192.0.2.1', '64:ff9b::192.0.2.1', false],
    ['192.0.2.1', '::192.0.2.1', false],
    ['64:ff9b::192.0.2.1', '192.0.2.1', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:DB8::1', '2001:db8:0:0:0:0:0:1', true],
    ['2001:db8::1', '2001:db8::1%eth0', false],
    ['2001:db8::/127', '2001:db8::1', true],
    ['2001:db8::/127', '2001:db8::2', false],
    ['fe80::/10', 'fe80::1', true],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8', true],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:9', false],
    ['::1', '::1', true],
    ['::', '::1', false],
    ['192.0.2.1', 'localhost', false],
    ['192.0.2.1', '', false],
    ['192.0.2.1', '192.0.2.1:443', false],
    ['192.0.2.1', '3221225985', false],
    ['192.0.2.1', '0300.0.2.1', false],
  ])('%s has %s: %s', (network, address, expected) => {
    expect(contains(network, address)).toBe(expected)
  })

  it.each([
    '',
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/024',
    '192.0.2.0/-1',
    '192.0.2.0/24/24',
    '192.0.2',
    '0300.0.2.1',
    '192.0.2.1 ',
    '2001:db8::/129',
    '2001:db8::1%eth0',
    '::ffff:192.0.2.0/95',
    'example.com',
    '*',
  ])('cannot be %j', (text) => {
    expect(tryParseNetwork(text)).toBeUndefined()
  })
})

describe('the network that an address is counted by', () => {
  it.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['192.0.2.255', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:2:3:4', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('of %s is %s', (address, prefix) => {
    expect(addressPrefix(address)).toBe(prefix)
  })
})
