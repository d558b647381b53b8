import { hash, randomBytes } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'
import { contentHash, firstPrevious, lineOf, linkHash, type SealedMembers } from '../src/record/chain.ts'
import { isPruned, type PrunedMembers, placedLine, pruneRecord } from '../src/record/read-trail.ts'

/** A number below another. */
export type Random = (below: number) => number
/** What somebody makes of the lines of a trail who can write them, and has no key of checkpoints. */
export type Tamper = (lines: readonly string[], random: Random) => readonly string[]

type Placed = SealedMembers | PrunedMembers

const parse = (line: string | undefined): Placed => JSON.parse(line ?? '')
const write = (placed: Placed): string => (isPruned(placed) ? placedLine(placed) : lineOf(placed))

/** Another character where one stands, in a place that chance chooses. */
function editCharacter(line: string, random: Random): string {
  const at = random(line.length)
  const other = 'abcdefghijklmnopqrstuvwxyz0123456789"{}:,\\ '.charAt(random(43))
  return line.charAt(at) === other ? `${line} ` : line.slice(0, at) + other + line.slice(at + 1)
}

/** What somebody does who knows the format: every hash of a chain from the altered line on is made to fit. */
function rehash(lines: readonly string[], from: number): readonly string[] {
  const { chain } = parse(lines[from])
  let before = lines
    .slice(0, from)
    .map(parse)
    .findLast((placed) => placed.chain === chain)?.hash
  return lines.map((line, index) => {
    const placed = parse(line)
    if (index < from || placed.chain !== chain) return line
    const previous = before ?? placed.previous
    const content = isPruned(placed) ? placed.content : contentHash(canonicalJson(placed.record))
    before = linkHash({ chain, seq: placed.seq, previous, content })
    return write({ ...placed, previous, hash: before })
  })
}

/** A whole line that chance chooses, of those that fit. */
function choose(lines: readonly string[], random: Random, fits: (sealed: SealedMembers) => boolean): number {
  const indexes = lines.flatMap((line, index) => {
    const placed = parse(line)
    return !isPruned(placed) && fits(placed) ? [index] : []
  })
  return indexes[random(indexes.length)] ?? 0
}

const anyOf = (): boolean => true
const isDecision = ({ record }: SealedMembers): boolean => record.type === 'decision'
const hasValues = (sealed: SealedMembers): boolean => Object.keys(sealed.private).length > 0

function sealedAt(lines: readonly string[], index: number): SealedMembers {
  const placed = parse(lines[index])
  if (isPruned(placed)) throw new Error('a whole line was chosen')
  return placed
}

/** A chain that never was, which says what its maker wants. */
function madeUpChain(event: string, details: Readonly<Record<string, unknown>>): readonly string[] {
  const chain = `20261130T000000Z-${randomBytes(8).toString('hex')}`
  let previous = firstPrevious(chain)
  return [
    { event: 'trail_started', details: {} },
    { event, details },
  ].map((told, index) => {
    const seq = index + 1
    const fixed = { at: '2026-01-01T00:00:00.000Z', commitments: {}, type: 'event', v: 1 } as const
    const record = { ...fixed, ...told, id: `${chain}.${seq}` }
    const own = linkHash({ chain, seq, previous, content: contentHash(canonicalJson(record)) })
    const line = lineOf({ chain, seq, previous, hash: own, private: {}, record })
    previous = own
    return line
  })
}

const swap = (lines: readonly string[], one: number, other: number): readonly string[] =>
  lines.with(one, lines[other] ?? '').with(other, lines[one] ?? '')

/** Each of them changes or removes something that is anchored. */
export const WAYS: Readonly<Record<string, Tamper>> = {
  'edit a character': (lines, random) => {
    const index = random(lines.length)
    return lines.with(index, editCharacter(lines[index] ?? '', random))
  },
  'edit an erasable value': (lines, random) => {
    const index = choose(lines, random, hasValues)
    const sealed = sealedAt(lines, index)
    const names = Object.keys(sealed.private)
    const name = names[random(names.length)] ?? ''
    const value = { salt: sealed.private[name]?.salt ?? '', value: `other_${random(1e6)}` }
    return lines.with(index, lineOf({ ...sealed, private: { ...sealed.private, [name]: value } }))
  },
  'move the border between salt and value': (lines, random) => {
    const index = choose(lines, random, ({ private: { signed } }) => signed !== undefined)
    const sealed = sealedAt(lines, index)
    const { salt = '', value = '' } = sealed.private['signed'] ?? {}
    const parts = value.split('\n')
    const cut = 1 + random(parts.length - 1)
    const signed = { salt: [salt, ...parts.slice(0, cut)].join('\n'), value: parts.slice(cut).join('\n') }
    return lines.with(index, lineOf({ ...sealed, private: { ...sealed.private, signed } }))
  },
  'exchange values of two records': (lines, random) => {
    const one = choose(lines, random, hasValues)
    const other = choose(lines, random, (sealed) => hasValues(sealed) && sealed.hash !== parse(lines[one]).hash)
    const [a, b] = [sealedAt(lines, one), sealedAt(lines, other)]
    return lines.with(one, lineOf({ ...a, private: b.private })).with(other, lineOf({ ...b, private: a.private }))
  },
  'erase a value without saying so': (lines, random) => {
    const index = choose(lines, random, hasValues)
    const sealed = sealedAt(lines, index)
    const names = Object.keys(sealed.private)
    const gone = names[random(names.length)]
    const left = Object.entries(sealed.private).filter(([name]) => name !== gone)
    return lines.with(index, lineOf({ ...sealed, private: Object.fromEntries(left) }))
  },
  'erase, and make up a chain that says so': (lines, random) => {
    const index = choose(lines, random, hasValues)
    const sealed = sealedAt(lines, index)
    const ranges = { [sealed.chain]: [[1, sealed.seq]] }
    const erased = lines.with(index, lineOf({ ...sealed, private: {} }))
    return [...erased, ...madeUpChain('records_erased', { records: 1, ranges })]
  },
  'prune without saying so': (lines, random) => {
    const index = choose(lines, random, anyOf)
    return lines.with(index, placedLine(pruneRecord(sealedAt(lines, index))))
  },
  'prune, and make up a chain that says so': (lines, random) => {
    const index = choose(lines, random, anyOf)
    const sealed = sealedAt(lines, index)
    const pruned = lines.with(index, placedLine(pruneRecord(sealed)))
    const ranges = { [sealed.chain]: [[1, 1000]] }
    const forged = madeUpChain('records_pruned', { records: 1, ranges, keepDays: { '*': 1 } })
    return random(2) === 0 ? [...pruned, ...forged] : [...forged, ...pruned]
  },
  'fill a pruned place': (lines, random) => {
    const places = lines.flatMap((line, index) => (isPruned(parse(line)) ? [index] : []))
    const index = places[random(places.length)] ?? 0
    const { chain, seq, previous, hash: own } = parse(lines[index])
    const { record, private: values } = sealedAt(lines, choose(lines, random, isDecision))
    return lines.with(index, lineOf({ chain, seq, previous, hash: own, record, private: values }))
  },
  'insert a copy': (lines, random) => lines.toSpliced(random(lines.length + 1), 0, lines[random(lines.length)] ?? ''),
  'insert a record of its own': (lines, random) => {
    const index = 1 + random(lines.length - 1)
    const { chain, seq, hash: previous } = parse(lines[index - 1])
    const { record } = sealedAt(lines, choose(lines, random, isDecision))
    const forged = lineOf({ chain, seq: seq + 1, previous, hash: previous, record, private: {} })
    return rehash(lines.toSpliced(index, 0, forged), index)
  },
  delete: (lines, random) => lines.toSpliced(random(lines.length), 1 + random(5)),
  'delete and renumber': (lines, random) => {
    const index = random(lines.length - 1)
    const { chain, seq } = parse(lines[index])
    const kept = lines.toSpliced(index, 1).map((line) => {
      const placed = parse(line)
      return placed.chain === chain && placed.seq > seq ? write({ ...placed, seq: placed.seq - 1 }) : line
    })
    return rehash(kept, index)
  },
  'delete a whole chain': (lines, random) => {
    const { chain } = parse(lines[random(lines.length)])
    return lines.filter((line) => parse(line).chain !== chain)
  },
  reorder: (lines, random) => {
    const one = random(lines.length)
    const { chain } = parse(lines[one])
    const others = lines.flatMap((line, index) => (index !== one && parse(line).chain === chain ? [index] : []))
    return swap(lines, one, others[random(others.length)] ?? 0)
  },
  'truncate the head': (lines, random) => lines.slice(1 + random(lines.length - 1)),
  'truncate the tail': (lines, random) => lines.slice(0, random(lines.length)),
  'rewrite with hashes that fit': (lines, random) => {
    const index = choose(lines, random, isDecision)
    const sealed = sealedAt(lines, index)
    const record = { ...sealed.record, at: `2026-01-02T00:00:00.${100 + random(900)}Z` }
    return rehash(lines.with(index, lineOf({ ...sealed, record })), index)
  },
  'rewrite under another name': (lines, random) => {
    const { chain } = parse(lines[random(lines.length)])
    const other = `20260101T000000Z-${hash('sha256', String(random(1e9)), 'hex').slice(0, 16)}`
    const renamed = lines.map((line) => {
      const placed = parse(line)
      if (placed.chain !== chain) return line
      return write({ ...placed, chain: other, previous: placed.seq === 1 ? firstPrevious(other) : placed.previous })
    })
    return rehash(
      renamed,
      renamed.findIndex((line) => parse(line).chain === other),
    )
  },
}
