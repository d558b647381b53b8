import { isIP } from 'node:net'

/** Networks of IP addresses. */
export interface IpNetworks {
  /** Whether an address, in any of its spellings, lies in one of them. Families never match: NAT64 is not IPv4. */
  readonly contains: (address: string) => boolean
}

/** An address or a network. */
export interface IpNetwork extends IpNetworks {
  /** 4 or 16. */
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/

/**
 * One spelling per address: IPv4-mapped IPv6 becomes IPv4, everything else IPv6 becomes its shortest form. `undefined`
 * for anything that is not exactly an IP address; a zone or a port makes it none.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0 || text.includes('%')) return undefined
  const compact = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compact)
  if (mapped === null) return compact
  const high = Number.parseInt(mapped[1] as string, 16)
  const low = Number.parseInt(mapped[2] as string, 16)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/**
 * Reads `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`; `undefined` for anything else. Bits behind the prefix do
 * not count. A network of mapped addresses is the IPv4 network.
 */
export function tryParseNetwork(text: unknown): IpNetwork | undefined {
  const [given = '', prefix, ...rest] = typeof text === 'string' ? text.split('/', 3) : []
  const address = canonicalAddress(given)
  if (address === undefined || rest.length > 0 || !(prefix === undefined || PREFIX.test(prefix))) return undefined
  const bytes = bytesOf(address)
  const bits = bytes.length * 8
  const mappedBits = isIP(given) === 6 && bits === 32 ? 96 : 0
  const prefixLength = prefix === undefined ? bits : Number(prefix) - mappedBits
  if (!(prefixLength >= 0 && prefixLength <= bits)) return undefined
  return { bytes, prefixLength, contains: testOf([{ bytes, prefixLength }]) }
}

/** Reads addresses and networks; `undefined` when one of them is neither. */
export function tryParseNetworks(texts: readonly unknown[]): IpNetworks | undefined {
  const networks = texts.map(tryParseNetwork)
  return networks.every((network) => network !== undefined) ? { contains: testOf(networks) } : undefined
}

/**
 * The network that an address is counted by: /24 of IPv4, /64 of IPv6. A caller with one address there can have all of them.
 * Callers without a known address count as one network.
 */
export function addressPrefix(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const plain = address.slice(address.lastIndexOf(':') + 1)
  if (isIP(plain) === 4) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`
  return `${groupsOf(address).slice(0, 4).map(toHex).join(':')}::/64`
}

/** Remembers the last address: the calls that networks are asked about come from one caller, and so from one address. */
function testOf(networks: readonly Pick<IpNetwork, 'bytes' | 'prefixLength'>[]): IpNetworks['contains'] {
  let last: string | undefined
  let isInside = false
  return (address) => {
    if (address === last) return isInside
    const canonical = canonicalAddress(address)
    const other = canonical === undefined ? undefined : bytesOf(canonical)
    isInside = other !== undefined && networks.some((network) => covers(network, other))
    last = address
    return isInside
  }
}

function covers({ bytes, prefixLength }: Pick<IpNetwork, 'bytes' | 'prefixLength'>, other: Uint8Array): boolean {
  if (other.length !== bytes.length) return false
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
  return Uint8Array.from(groupsOf(address).flatMap((group) => [group >> 8, group & 0xff]))
}

/** The eight groups of 16 bits, `::` written out (RFC 4291 section 2.2). */
function groupsOf(address: string): readonly number[] {
  const [head = [], tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':').map(parseHex)))
  if (tail === undefined) return head
  return [...head, ...new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail]
}

function parseHex(text: string): number {
  return Number.parseInt(text, 16)
}

function toHex(group: number): string {
  return group.toString(16)
}
