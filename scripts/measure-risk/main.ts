// What behaviour gives away: npm run measure:risk [-- --seed N] [--agents N] [--data FOLDER] [--write FILE]
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureCost } from './cost.ts'
import { measureVelocity } from './nab/measure.ts'
import { readSeries } from './nab/series.ts'
import { writePage } from './page.ts'
import { measurePoisoning } from './poisoning.ts'
import { measureRecall } from './recall.ts'
import { readWebLog } from './web-log.ts'

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    agents: { type: 'string', default: '160' },
    days: { type: 'string', default: '14' },
    data: { type: 'string', default: '../shared/data/behaviour' },
    write: { type: 'string' },
  },
})
const [seed, agents, days] = [Number(options.seed), Number(options.agents), Number(options.days)]
const [series, log] = [join(options.data, 'nab'), join(options.data, 'web-access.log.gz')]
const logged = existsSync(log) ? readWebLog(log) : { events: [], skipped: 0 }
const cost = measureCost(100_000)
const page = writePage({
  seed,
  agents,
  days,
  skipped: logged.skipped,
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  velocity: existsSync(series) ? measureVelocity(readSeries(series)) : undefined,
  recall: measureRecall({ seed, agents, days, logged: logged.events }),
  poisoning: [1.05, 1.1, 1.2, 1.5, 2].map(measurePoisoning),
  cost,
})
console.log(page)
if (options.write !== undefined) writeFileSync(options.write, page)
