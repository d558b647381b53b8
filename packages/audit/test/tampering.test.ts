import { writeFile } from 'node:fs/promises'
import { canonicalJson } from '@countermark/core'
import { type Anchors, lineOf, readAnchors, type SealedMembers, type TrailReport, verifyTrail } from '../src/index.ts'
import { contentHash, linkHash } from '../src/seal-record.ts'
import { seededRandom } from './seeded-random.ts'
import { type WrittenTrail, writeTrail } from './written-trail.ts'

type Random = (below: number) => number
type Tamper = (lines: readonly string[], random: Random) => readonly string[]

const parse = (line: string): SealedMembers => JSON.parse(line)

/** Another value where one stands, in a place that chance chooses. */
function editValue(line: string, random: Random): string {
  const at = random(line.length)
  const other = 'abcdefghijklmnopqrstuvwxyz0123456789"{}:,\\ '.charAt(random(43))
  return line.charAt(at) === other ? `${line} ` : line.slice(0, at) + other + line.slice(at + 1)
}

/** What somebody does who knows the format: every hash from the altered record on is made to fit. */
function rehash(lines: readonly string[], from: number): readonly string[] {
  let previous = from === 0 ? '' : parse(lines[from - 1] ?? '').hash
  return lines.map((line, index) => {
    if (index < from) return line
    const sealed = parse(line)
    const link = { ...sealed, previous: index === 0 ? sealed.previous : previous }
    previous = linkHash({ ...link, content: contentHash(canonicalJson(sealed.record)) })
    return lineOf({ ...link, hash: previous })
  })
}

const without = (lines: readonly string[], from: number, count: number): readonly string[] => [
  ...lines.slice(0, from),
  ...lines.slice(from + count),
]

const WAYS: Readonly<Record<string, Tamper>> = {
  'edit a character': (lines, random) => {
    const index = random(lines.length)
    return lines.with(index, editValue(lines[index] ?? '', random))
  },
  'edit an erasable value': (lines, random) => {
    const index = 1 + random(lines.length - 2)
    const sealed = parse(lines[index] ?? '')
    const user = { salt: sealed.private['user']?.salt ?? '', value: `user_${random(1e6) + 100}` }
    return lines.with(index, lineOf({ ...sealed, private: { ...sealed.private, user } }))
  },
  'erase a value without saying so': (lines, random) => {
    const index = 1 + random(lines.length - 2)
    const { private: values, ...sealed } = parse(lines[index] ?? '')
    const { target: _target, ...others } = values
    return lines.with(index, lineOf({ ...sealed, private: others }))
  },
  'insert a copy': (lines, random) => lines.toSpliced(random(lines.length + 1), 0, lines[random(lines.length)] ?? ''),
  'insert a record of its own': (lines, random) => {
    const index = 1 + random(lines.length - 1)
    const before = parse(lines[index - 1] ?? '')
    const forged = { ...before, seq: before.seq + 1, previous: before.hash }
    return rehash(lines.toSpliced(index, 0, lineOf(forged)), index)
  },
  delete: (lines, random) => without(lines, random(lines.length), 1 + random(5)),
  'delete and renumber': (lines, random) => {
    const index = 1 + random(lines.length - 2)
    const kept = without(lines, index, 1).map((line, at) =>
      at < index ? line : lineOf({ ...parse(line), seq: at + 1 }),
    )
    return rehash(kept, index)
  },
  reorder: (lines, random) => {
    const [one, other] = [random(lines.length), random(lines.length)]
    if (one === other) return [...lines.slice(1), lines[0] ?? '']
    return lines.with(one, lines[other] ?? '').with(other, lines[one] ?? '')
  },
  'truncate the head': (lines, random) => lines.slice(1 + random(lines.length - 1)),
  'truncate the tail': (lines, random) => lines.slice(0, random(lines.length)),
  'rewrite with hashes that fit': (lines, random) => {
    const index = 1 + random(lines.length - 2)
    const sealed = parse(lines[index] ?? '')
    const record = { ...sealed.record, at: '2026-01-02T00:00:00.000Z' }
    return rehash(lines.with(index, lineOf({ ...sealed, record })), index)
  },
}

describe('an attacker', () => {
  let trail: WrittenTrail
  let anchors: Anchors
  beforeAll(async () => {
    trail = await writeTrail({ decisions: 30, everyRecords: 10 })
    anchors = await readAnchors([trail.checkpointPath], [trail.publicKey])
  })
  afterAll(() => trail.remove())

  const verifyLines = async (lines: readonly string[]): Promise<TrailReport> => {
    const path = `${trail.path}.tampered`
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    return verifyTrail([path], { anchors })
  }

  it('who did nothing is accused of nothing', async () => {
    const report = await verifyLines(trail.lines)
    expect([report.findingCount, report.records, report.chains[0]?.anchoredTo]).toEqual([0, 31, 31])
  })

  it.each(Object.entries(WAYS))('cannot %s', async (_way, tamper) => {
    const random = seededRandom(20_261_127)
    const missed: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const tampered = tamper(trail.lines, random)
      if (tampered.join('\n') === trail.lines.join('\n')) continue
      if ((await verifyLines(tampered)).findingCount === 0) missed.push(tampered.join('\n'))
    }
    expect(missed).toEqual([])
  })
})

const ROUNDS = 100
