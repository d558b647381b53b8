import { canonicalAddress } from '@countermark/core/internal'
import { createClientAddress } from '@countermark/core/node'
import fc from 'fast-check'
import { createHeaderFields } from '../src/header-fields.ts'

/** Spellings of addresses and the one spelling that counts; `undefined` for what is not exactly an address. */
const ADDRESSES: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['::192.0.2.1', '::c000:201'], // IPv4-compatible: deprecated, and not that IPv4 address
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'], // NAT64: an address of the translator
  ['::ffff:0:192.0.2.1', '::ffff:0:c000:201'], // IPv4-translated
  ['2002:c000:201::', '2002:c000:201::'], // 6to4
  ['fe80::1%eth0', undefined],
  ['fe80::1%25eth0', undefined],
  ['[2001:db8::1]', undefined],
  ['[2001:db8::1]:443', undefined],
  ['192.0.2.1:4444', undefined],
  ['0300.0.2.1', undefined],
  ['192.0.2.01', undefined],
  ['0xc0.0.2.1', undefined],
  ['192.0.513', undefined],
  ['3221225985', undefined],
  ['192.0.2.256', undefined],
  [' 192.0.2.1', undefined],
  ['192.0.2.1\n', undefined],
  ['192.0.2.1/32', undefined],
  ['2001:db8::1::', undefined],
  ['12345::', undefined],
  ['localhost', undefined],
  ['', undefined],
]

describe('canonicalAddress', () => {
  it.each(ADDRESSES)('%j is %j', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical)
  })

  it('gives every spelling of sixteen bytes the same name, and other bytes another', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(bytes, bytes, spelling(), (one, other, write) => {
        expect(canonicalAddress(write(one))).toBe(canonicalAddress(writeLong(one)))
        const areSame = Buffer.from(one).equals(other)
        expect(canonicalAddress(write(one)) === canonicalAddress(writeLong(other))).toBe(areSame)
      }),
      { numRuns: 500 },
    )
  })

  it('is its own name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = canonicalAddress(text) ?? ''
        expect(canonicalAddress(canonical)).toBe(canonical)
      }),
      { numRuns: 500 },
    )
  })

  it('answers any text at all', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void canonicalAddress(text)))
  })
})

describe('createClientAddress', () => {
  const find = (trusted: readonly string[], socket: string, ...forwarded: readonly string[]): string | undefined =>
    createClientAddress(trusted)(socket, createHeaderFields(forwarded.flatMap((value) => ['X-Forwarded-For', value])))

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['10.0.0.0/8', '10.1.2.3'],
    ['10.0.0.0/8', '::ffff:10.1.2.3'],
    ['::ffff:10.0.0.0/104', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8::/32', '2001:DB8:0::9'],
    ['0.0.0.0/0', '198.51.100.1'],
  ])('believes what a proxy in %s says that connects from %s', (network, socket) => {
    expect(find([network], socket, '192.0.2.9')).toBe('192.0.2.9')
  })

  it.each([
    ['10.0.0.0/8', '11.0.0.1'],
    ['10.0.0.0/32', '10.0.0.1'],
    ['0.0.0.0/0', '2001:db8::1'],
    ['::/0', '198.51.100.1'],
    ['192.0.2.1', '::192.0.2.1'],
    ['192.0.2.1', '64:ff9b::192.0.2.1'],
    ['2001:db8::/32', '2001:db9::1'],
  ])('does not take %s for the network of %s', (network, socket) => {
    expect(find([network], socket, '203.0.113.7')).toBe(canonicalAddress(socket))
  })

  it('never answers what only the caller said', () => {
    const hop = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())
    fc.assert(
      fc.property(fc.array(hop, { maxLength: 5 }), (claimed) => {
        const header = [...claimed, '198.51.100.7', '10.0.0.2'].join(',')
        expect(find(['10.0.0.0/8'], '10.0.0.1', header)).toBe('198.51.100.7')
      }),
    )
  })

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/0x8',
    '10.0.0.0/1e1',
    '10.0.0.0/ 8',
    '10.0.0.0/08',
    '2001:db8::/129',
    '::ffff:10.0.0.0/95',
    'fe80::1%eth0',
    '10.0.0',
    'loopback',
    '*',
    '',
  ])('does not start with %j', (network) => {
    expect(() => createClientAddress([network])).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('does not start with what is no text', () => {
    const attempt = (): unknown => createClientAddress([8 as never])
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

type Write = (bytes: Uint8Array) => string

function groupsOf(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
}

const writeLong: Write = (bytes) =>
  groupsOf(bytes)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join(':')

const writeUpper: Write = (bytes) =>
  groupsOf(bytes)
    .map((group) => group.toString(16).toUpperCase())
    .join(':')

const writeDotted: Write = (bytes) =>
  [
    ...groupsOf(bytes)
      .slice(0, 6)
      .map((group) => group.toString(16)),
    bytes.slice(12).join('.'),
  ].join(':')

function spelling(): fc.Arbitrary<Write> {
  return fc.constantFrom(writeLong, writeUpper, writeDotted)
}
