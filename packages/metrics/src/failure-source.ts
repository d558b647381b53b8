import { isIPv6 } from 'node:net'

const GROUPS_OF_NETWORK = 4

/** Whom an address stands for: whoever has one IPv6 address has all that share its first 64 bits. */
export function sourceOf(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const [text = ''] = address.split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)
  if (mapped?.[1] !== undefined) return mapped[1]
  const [before = '', after] = text.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...new Array<string>(zeros).fill('0'), ...tail].slice(0, GROUPS_OF_NETWORK)
  return `${groups.map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')}::/64`
}
