import { isMisconfigured } from '@countermark/core'
import type { ProcessSurroundings } from '@countermark/core/internal'
import { memoryReplayStore } from '../src/index.ts'
import { requireSingleProcess } from '../src/memory/memory-replay-store.ts'

function refusalIn(surroundings: Partial<ProcessSurroundings>): unknown {
  try {
    requireSingleProcess({ isClusterWorker: false, variables: {}, ...surroundings })
    return undefined
  } catch (error) {
    return isMisconfigured(error) ? error.code : error
  }
}

describe('memoryReplayStore where there may be other processes', () => {
  it.each<[string, Partial<ProcessSurroundings>]>([
    ['in a cluster', { isClusterWorker: true }],
    ['under pm2', { variables: { NODE_APP_INSTANCE: '0' } }],
    ['with several web processes', { variables: { WEB_CONCURRENCY: '2' } }],
    ['in production', { variables: { NODE_ENV: 'production' } }],
  ])('refuses to start %s', (_, surroundings) => {
    expect(refusalIn(surroundings)).toBe('ERR_REPLAY_SINGLE_PROCESS')
  })

  it('starts alone', () => {
    expect(refusalIn({ variables: { NODE_ENV: 'development', WEB_CONCURRENCY: '1' } })).toBeUndefined()
  })

  it('reads the environment when it is made, and takes a word for it', () => {
    const before = process.env['NODE_ENV']
    process.env['NODE_ENV'] = 'production'
    try {
      expect(() => memoryReplayStore()).toThrow('use redisReplayStore, or say allowSingleProcess: true')
      expect(memoryReplayStore({ allowSingleProcess: true }).name).toBe('memory')
    } finally {
      process.env['NODE_ENV'] = before
    }
  })
})
