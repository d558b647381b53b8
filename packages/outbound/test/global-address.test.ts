import fc from 'fast-check'
import { isGlobalAddress } from '../src/internal.ts'

const PRIVATE = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.254'],
  ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.1.1'],
  ...['198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9', '224.0.0.1', '239.255.255.255', '240.0.0.1'],
  ...['255.255.255.255', '168.63.129.16'],
  ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'ff02::1', 'fec0::1', '100::1', '5f00::1'],
  ...['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1'],
  ...['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.1.2.3', '64:ff9b:1::8.8.8.8', '64:ff9b::168.63.129.16'],
  ...['2002:7f00:1::1', '2002:808:808::1', '2001::1', '2001:0:53aa:64c::1', '2001:10::1', '2001:20::1', '2001:db8::1'],
  ...['3fff::1', '4000::1', '2606:4700::1%1'],
]
const PUBLIC = [
  ...['1.1.1.1', '8.8.8.8', '11.0.0.1', '100.63.255.255', '100.128.0.1', '128.0.0.1', '169.253.255.255', '172.15.0.1'],
  ...['172.32.0.1', '192.0.1.1', '192.169.0.1', '198.17.0.1', '198.20.0.1', '223.255.255.255', '168.63.129.15'],
  ...['2001:200::1', '2001:4860:4860::8888', '2003::1', '2606:4700:4700::1111', '2a00::1', '64:ff9b::8.8.8.8'],
]
const NONSENSE = [
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '2130706433',
  '1.2.3.4.5',
  ' 8.8.8.8',
  '[2a00::1]',
]

describe('isGlobalAddress', () => {
  it.each(PRIVATE)('refuses %s', (address) => {
    expect(isGlobalAddress(address)).toBe(false)
  })

  it.each(PUBLIC)('accepts %s', (address) => {
    expect(isGlobalAddress(address)).toBe(true)
  })

  it.each(NONSENSE)('refuses %j, which is no address', (address) => {
    expect(isGlobalAddress(address)).toBe(false)
  })

  it('judges an IPv4 address behind NAT64 like the address itself, and never believes other disguises', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(isGlobalAddress(`64:ff9b::${address}`)).toBe(isGlobalAddress(address))
        expect(isGlobalAddress(`::ffff:${address}`)).toBe(false)
        expect(isGlobalAddress(`::${address}`)).toBe(false)
      }),
    )
  })

  it('answers for any text without throwing', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6()), (text) => typeof isGlobalAddress(text) === 'boolean'))
  })
})
