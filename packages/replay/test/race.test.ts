import { join } from 'node:path'
import { race } from '../scripts/race.ts'
import { describeWithRedis, startRedis } from './redis-server.ts'

describeWithRedis('two hundred identical requests at once over four processes', () => {
  it('pass once, in twenty rounds of twenty', async () => {
    const server = await startRedis()
    try {
      const worker = join(__dirname, '../scripts/race-worker.ts')
      const outcome = await race({ worker, port: server.port, processes: 4, requests: 200, rounds: 20 })
      expect(outcome).toEqual({ wrongRounds: 0, results: { claimed: 20, replayed: 3980 } })
    } finally {
      await server.stop()
    }
  }, 60_000)
})
