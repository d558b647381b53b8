// How soon stops are true at every door: npm run measure:stop [-- --stops N] [--rotations N] [--cut SECONDS] [--seed N] [--write FILE]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { replaceSection, writeHead } from '../measure-authority/figures-page.ts'
import { type CutMeasured, measureCut } from './cut.ts'
import { measureRotations, type RotationsMeasured } from './rotations.ts'
import { openStage } from './stage.ts'
import { measureStops, type StopsMeasured } from './stops.ts'
import { writeStops } from './write-stops.ts'

const { values: options } = parseArgs({
  options: {
    stops: { type: 'string', default: '1000' },
    rotations: { type: 'string', default: '100' },
    cut: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    write: { type: 'string' },
  },
})
const [count, rotations, cutSeconds, seed] = [options.stops, options.rotations, options.cut, options.seed].map(Number)
const DOORS = 4
const measured: Partial<Record<'stream' | 'redis', StopsMeasured>> = {}
let rotated: RotationsMeasured | undefined
let cut: CutMeasured | undefined
for (const push of ['stream', 'redis'] as const) {
  // One more than is stopped: the cut stops it.
  const stage = await openStage({ push, doors: DOORS, agents: (count ?? 0) + 1 })
  try {
    measured[push] = await measureStops({ ...stage, agents: stage.agents.slice(0, count) }, seed ?? 1)
    console.log(writeStops({ [push]: measured[push] }, undefined, undefined))
    if (push === 'redis') continue
    rotated = await measureRotations(stage, rotations ?? 0)
    cut = await measureCut(stage, (cutSeconds ?? 0) * 1000)
  } finally {
    await stage.close()
  }
}
const section = writeStops(measured, rotated, cut)
console.log(section)
if (options.write !== undefined) {
  const head = writeHead(`\`npm run measure:stop -- --stops ${count} --seed ${seed}\``)
  writeFileSync(options.write, replaceSection(options.write, 'Stops', `${head}\n\n${section}`))
}
process.exit(0)
