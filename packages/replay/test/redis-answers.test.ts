import { createEpoch, parseEpoch } from '../src/redis/epoch.ts'
import { parseServerState, parseServerTime } from '../src/redis/server-snapshot.ts'

const INFO = [
  '# Server',
  'redis_version:7.0.15',
  'run_id:aaaa',
  '# Memory',
  'maxmemory:0',
  'maxmemory_policy:allkeys-lru',
  '# Replication',
  'role:master',
  'master_replid:bbbb',
  '',
]

describe('what a server says of itself', () => {
  it('is read from INFO', () => {
    expect(parseServerState(INFO.join('\r\n'))).toEqual({ identity: 'aaaa.bbbb', isMaster: true, evicts: false })
  })

  it('evicts when it has a limit and a policy other than noeviction', () => {
    const limited = INFO.map((line) => line.replace('maxmemory:0', 'maxmemory:3145728'))
    expect(parseServerState(limited.join('\r\n')).evicts).toBe(true)
    const kept = limited.map((line) => line.replace('allkeys-lru', 'noeviction'))
    expect(parseServerState(kept.join('\r\n')).evicts).toBe(false)
  })

  it('is not believed when something is missing', () => {
    const without = INFO.filter((line) => !line.startsWith('master_replid'))
    expect(() => parseServerState(without.join('\r\n'))).toThrow('INFO does not tell master_replid')
    expect(() => parseServerState(null)).toThrow(TypeError)
  })

  it('tells the time', () => {
    expect(parseServerTime(['1767225600', '250000'])).toBe(1_767_225_600_250)
    for (const wrong of [null, [], ['1767225600'], ['now', '0']])
      expect(() => parseServerTime(wrong)).toThrow(TypeError)
  })
})

describe('an epoch', () => {
  it('is read as it was written, with a secret of its own', () => {
    const epoch = createEpoch(1_767_225_600_300.7, 'loss')
    expect(parseEpoch(epoch.text)).toEqual(epoch)
    expect(epoch).toMatchObject({ beganAtMs: 1_767_225_600_300, cause: 'loss' })
    expect(epoch.secret).toHaveLength(32)
    expect(createEpoch(0, 'start').text).not.toBe(createEpoch(0, 'start').text)
  })

  it('is not believed when the key holds something else', () => {
    for (const text of [
      null,
      undefined,
      '',
      'start.0.short',
      `end.0.${'A'.repeat(43)}`,
      `start.-1.${'A'.repeat(43)}`,
    ]) {
      expect(() => parseEpoch(text)).toThrow('the key of the epoch holds something else')
    }
  })
})
