import { isIP } from 'node:net'
import { canonicalAddress } from '@countermark/core/internal'

/** An address or a network. */
export interface IpNetwork {
  readonly bytes: Uint8Array
  readonly prefixLength: number
  /** Whether an address in its canonical form lies in it. Families never match: NAT64 is not IPv4. */
  readonly contains: (address: string) => boolean
}

const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/

/**
 * Reads `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`; `undefined` for anything else. Bits behind the prefix do
 * not count. A network of mapped addresses is the IPv4 network.
 */
export function findNetwork(text: string): IpNetwork | undefined {
  const [given = '', prefix, ...rest] = text.split('/')
  const address = canonicalAddress(given)
  if (address === undefined || rest.length > 0 || !(prefix === undefined || PREFIX.test(prefix))) return undefined
  const bytes = bytesOf(address)
  const bits = bytes.length * 8
  const mappedBits = isIP(given) === 6 && bits === 32 ? 96 : 0
  const prefixLength = prefix === undefined ? bits : Number(prefix) - mappedBits
  if (!(prefixLength >= 0 && prefixLength <= bits)) return undefined
  return { bytes, prefixLength, contains: createTest(bytes, prefixLength) }
}

/** Remembers the last address: the calls that a network is asked about come from one caller, and so from one address. */
function createTest(bytes: Uint8Array, prefixLength: number): IpNetwork['contains'] {
  let last: string | undefined
  let isInside = false
  return (address) => {
    if (address === last) return isInside
    const canonical = canonicalAddress(address)
    const other = canonical === undefined ? undefined : bytesOf(canonical)
    isInside = other !== undefined && other.length === bytes.length && sharesPrefix(bytes, prefixLength, other)
    last = address
    return isInside
  }
}

function sharesPrefix(bytes: Uint8Array, prefixLength: number, other: Uint8Array): boolean {
  const whole = prefixLength >> 3
  for (let index = 0; index < whole; index++) if (bytes[index] !== other[index]) return false
  const rest = prefixLength & 7
  return rest === 0 || (byteAt(bytes, whole) ^ byteAt(other, whole)) >> (8 - rest) === 0
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}

/** The 4 or 16 bytes of a canonical address. */
function bytesOf(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.'), Number)
  const [head = '', tail] = address.split('::')
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...new Array<number>(gap).fill(0), ...right]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
