import { resolve } from 'node:path'
import { requireProgram } from '@countermark/testing'
import { runRace } from './race.ts'

const root = resolve(__dirname, '../..')
const redisServer = requireProgram('redis-server')

describe('the same request 200 times at once, to four processes with one Redis', () => {
  it('is accepted exactly once, twenty times over', async () => {
    if (redisServer === undefined) return
    const tallies = await runRace({ root, redisServer, rounds: 20 })
    expect(tallies).toEqual(Array.from({ length: 20 }, () => ({ accepted: 1, replay_detected: 199 })))
  }, 120_000)
})
