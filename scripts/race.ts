import { resolve } from 'node:path'
import { requireProgram } from '@countermark/testing'
import { runRace } from '../test/adapters/race.ts'

// Sends the same signed request 200 times at once to four processes, in 1,000 rounds or as many as the argument says.
const rounds = Number(process.argv[2] ?? 1000)
const redisServer = requireProgram('redis-server')
if (redisServer === undefined) throw new Error('the race needs redis-server')

const started = performance.now()
const tallies = await runRace({
  root: resolve(import.meta.dirname, '..'),
  redisServer,
  rounds,
  onRound: (round) => void process.stdout.write(round % 50 === 49 ? `${round + 1} rounds\n` : ''),
})
const unexpected = tallies.filter(({ accepted, replay_detected }) => accepted !== 1 || replay_detected !== 199)
for (const tally of unexpected) process.stdout.write(`UNEXPECTED ${JSON.stringify(tally)}\n`)
const seconds = ((performance.now() - started) / 1000).toFixed(1)
process.stdout.write(`${rounds} rounds, ${unexpected.length} unexpected, ${seconds} s\n`)
process.exitCode = unexpected.length === 0 ? 0 : 1
