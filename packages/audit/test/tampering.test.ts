import { writeFile } from 'node:fs/promises'
import { type Anchors, readAnchors, type TrailReport, verifyTrail } from '../src/verify.ts'
import { writeAnchoredTrail } from './anchored-trail.ts'
import { seededRandom } from './seeded-random.ts'
import { WAYS } from './tampering-ways.ts'
import type { WrittenTrail } from './written-trail.ts'

/** `npm run tampering` does 10,000. */
const ROUNDS = 15

describe('an attacker with an anchored trail and no key', () => {
  let trail: WrittenTrail
  let anchors: Anchors
  beforeAll(async () => {
    trail = await writeAnchoredTrail()
    anchors = await readAnchors([trail.checkpointPath], [trail.publicKey])
  })
  afterAll(() => trail.remove())

  const verifyLines = async (lines: readonly string[]): Promise<TrailReport> => {
    const path = `${trail.path}.tampered`
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    return verifyTrail([path], { anchors })
  }

  it('who did nothing is accused of nothing', async () => {
    const report = await verifyTrail([trail.path], { anchors, requireAnchored: true })
    expect(report).toMatchObject({ findings: [], pruned: 4, evidence: { verified: 8, incomplete: 0 } })
    expect([report.records, report.chains.length, report.erased]).toEqual([36, 5, expect.any(Number)])
    expect(report.erased).toBeGreaterThan(4)
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
