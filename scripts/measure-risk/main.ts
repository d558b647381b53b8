// What behaviour gives away: npm run measure:risk [-- --seeds 1,2,3] [--agents N] [--data FOLDER] [--write FILE]
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureCost } from './cost.ts'
import { measureVelocity } from './nab/measure.ts'
import { readSeries } from './nab/series.ts'
import { measureRecall } from './operations.ts'
import { writePage } from './page.ts'
import { measurePoisoning } from './poisoning.ts'
import { readWebLog } from './web-log.ts'

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3,4,5' },
    agents: { type: 'string', default: '112' },
    days: { type: 'string', default: '16' },
    data: { type: 'string', default: '../shared/data/behaviour' },
    write: { type: 'string' },
  },
})
const seeds = options.seeds.split(',').map(Number)
const [agents, days] = [Number(options.agents), Number(options.days)]
const [series, log] = [join(options.data, 'nab'), join(options.data, 'web-access.log.gz')]
const logged = existsSync(log) ? readWebLog(log) : { events: [], skipped: 0 }
const cost = measureCost(100_000)
const page = writePage({
  seeds,
  agents,
  days,
  skipped: logged.skipped,
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  velocity: existsSync(series) ? measureVelocity(readSeries(series)) : undefined,
  recall: measureRecall({ seeds, agents, days, logged: logged.events }),
  poisoning: [1.05, 1.1, 1.2, 1.5, 2].map(measurePoisoning),
  cost,
})
console.log(page)
if (options.write !== undefined) writeFileSync(options.write, page)
