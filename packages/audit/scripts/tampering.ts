import { writeFileSync } from 'node:fs'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { writeAnchoredTrail } from '../test/anchored-trail.ts'
import { seededRandom } from '../test/seeded-random.ts'
import { WAYS } from '../test/tampering-ways.ts'

// Tampers with an anchored trail, each time otherwise, and counts what the verifier does not find.
// npm run tampering [-- rounds seed]

const ROUNDS = Number(process.argv[2] ?? 10_000)
const SEED = Number(process.argv[3] ?? 20_261_130)

const trail = await writeAnchoredTrail()
try {
  const anchors = await readAnchors([trail.checkpointPath], [trail.publicKey])
  const random = seededRandom(SEED)
  const ways = Object.entries(WAYS)
  const path = `${trail.path}.tampered`
  const untouched = trail.lines.join('\n')
  const [tried, missed] = [new Map<string, number>(), new Map<string, number>()]
  const begun = performance.now()
  for (let round = 0; round < ROUNDS; ) {
    const [name, tamper] = ways[random(ways.length)] ?? ['', (lines: readonly string[]) => lines]
    const tampered = tamper(trail.lines, random)
    if (tampered.join('\n') === untouched) continue
    round += 1
    writeFileSync(path, tampered.map((line) => `${line}\n`).join(''))
    const { findingCount } = await verifyTrail([path], { anchors })
    tried.set(name, (tried.get(name) ?? 0) + 1)
    if (findingCount === 0) missed.set(name, (missed.get(name) ?? 0) + 1)
  }
  for (const [name, count] of tried) console.log(`${name}: ${count}, not found ${missed.get(name) ?? 0}`)
  const lost = [...missed.values()].reduce((sum, count) => sum + count, 0)
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(`${ROUNDS} tamperings of ${trail.lines.length} lines, seed ${SEED}: ${lost} not found, ${seconds} s`)
  if (lost > 0) process.exitCode = 1
} finally {
  await trail.remove()
}
