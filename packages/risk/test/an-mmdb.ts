/** What an MMDB file has of an address. */
type Value = string | number | { readonly [name: string]: Value }

/** Prefixes of IPv4, such as `192.0.2.0/24`, and what is known of them. */
export type Prefixes = Readonly<Record<string, Value>>

/**
 * Makes an MMDB file in memory, after the format's specification 2.0: a tree of records of 24 bits, data, metadata.
 */
export function createMmdb(prefixes: Prefixes): Buffer {
  const nodes: [number, number][] = [[EMPTY, EMPTY]]
  const data: Buffer[] = []
  let length = 0
  for (const [prefix, value] of Object.entries(prefixes)) {
    const written = write(value)
    place(nodes, prefix, -1 - length)
    data.push(written)
    length += written.length
  }
  const count = nodes.length
  const tree = Buffer.concat(nodes.map((records) => Buffer.concat(records.map((record) => inTree(record, count)))))
  const metadata = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    database_type: 'test',
    ip_version: 4,
    node_count: count,
    record_size: 24,
  }
  const mark = Buffer.concat([Buffer.from('abcdef', 'hex'), Buffer.from('MaxMind.com')])
  return Buffer.concat([tree, Buffer.alloc(16), ...data, mark, write(metadata)])
}

const EMPTY = 0

/** Walks the bits of a prefix and makes the nodes on the way; the root is never pointed to, so 0 is free for nothing. */
function place(nodes: [number, number][], prefix: string, record: number): void {
  const [address = '', length = '32'] = prefix.split('/')
  const bits = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
  const path = bits.join('').slice(0, Number(length))
  let node = 0
  for (const [at, bit] of [...path].entries()) {
    const records = nodes[node] ?? [EMPTY, EMPTY]
    const side = bit === '1' ? 1 : 0
    if (at === path.length - 1) records[side] = record
    else if (records[side] === EMPTY) records[side] = nodes.push([EMPTY, EMPTY]) - 1
    node = records[side]
  }
}

function inTree(record: number, count: number): Buffer {
  const value = record === EMPTY ? count : record < 0 ? count + 16 + (-1 - record) : record
  return Buffer.from([value >> 16, (value >> 8) & 255, value & 255])
}

/** Control byte with type and size, then the value: texts are 2, unsigned 32 bits 6, maps 7. */
function write(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([Buffer.from([(6 << 5) | 4]), bytes])
  }
  const members = Object.entries(value)
  const parts = members.flatMap(([name, member]) => [write(name), write(member)])
  return Buffer.concat([Buffer.from([(7 << 5) | members.length]), ...parts])
}
