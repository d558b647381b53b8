import { fileURLToPath } from 'node:url'
import { startRedis } from '../test/redis-server.ts'
import { race } from './race.ts'

// npm run race -w @countermark/replay [-- <rounds>]: 200 identical requests at once over 4 processes; exactly one may pass.

const rounds = Number(process.argv[2] ?? 1000)
const server = await startRedis()
try {
  const worker = fileURLToPath(new URL('./race-worker.ts', import.meta.url))
  const startedMs = performance.now()
  const outcome = await race({ worker, port: server.port, processes: 4, requests: 200, rounds })
  console.log(outcome.results)
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  console.log(`${rounds} rounds of 200 requests over 4 processes in ${seconds} s: ${outcome.wrongRounds} wrong`)
  if (outcome.wrongRounds > 0) process.exitCode = 1
} finally {
  await server.stop()
}
