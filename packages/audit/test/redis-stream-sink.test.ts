import { requireProgram, type StartedRedis, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { redisStreamSink } from '../src/sinks.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'

const redisServer = requireProgram('redis-server')
if (redisServer !== undefined) describe('Redis Streams', () => keepsInStreams(redisServer))

async function linesOf(admin: Redis, stream: string, chain: string): Promise<readonly string[]> {
  const entries = await admin.xrange(stream, '-', '+')
  return entries.filter(([, fields]) => fields[1] === chain).map(([, fields]) => fields[7] ?? '')
}

function keepsInStreams(command: string): void {
  describeAuditSink('redis-stream, ioredis', { durable: false, repeated: 'kept-once' }, async () => {
    const server = await startRedis({ command })
    const [client, admin] = [new Redis(server.url), new Redis(server.url)]
    const sink = redisStreamSink({ client, stream: 'audit', deadlineMs: 500 })
    return {
      sink,
      read: (chain) => linesOf(admin, 'audit', chain),
      breakDown: async () => server.signal('SIGSTOP'),
      recover: async () => server.signal('SIGCONT'),
      close: async () => {
        for (const connection of [client, admin]) connection.disconnect()
        await server.stop()
      },
    }
  })

  describeAuditSink('redis-stream, node-redis', { durable: false, repeated: 'kept-once' }, async () => {
    const server = await startRedis({ command })
    const admin = new Redis(server.url)
    const client = createClient({ url: server.url })
    client.on('error', () => undefined)
    await client.connect()
    return {
      sink: redisStreamSink({ client, stream: 'audit', deadlineMs: 500 }),
      read: (chain) => linesOf(admin, 'audit', chain),
      breakDown: async () => server.signal('SIGSTOP'),
      recover: async () => server.signal('SIGCONT'),
      close: async () => {
        admin.disconnect()
        client.destroy()
        await server.stop()
      },
    }
  })

  describe('redisStreamSink', () => {
    let server: StartedRedis
    let client: Redis
    beforeAll(async () => {
      server = await startRedis({ command })
      client = new Redis(server.url)
    })
    afterAll(async () => {
      client.disconnect()
      await server.stop()
    })

    it('names chain, place and type beside the line', async () => {
      const [record] = sealedRecords({ chain: 'c', count: 1 })
      await redisStreamSink({ client, stream: 'fields' }).append(sealedRecords({ chain: 'c', count: 1 }))
      const [entry] = await client.xrange('fields', '-', '+')
      expect(entry?.[1]).toEqual(['chain', 'c', 'seq', '1', 'type', 'decision', 'line', record?.line])
    })

    it('adds a batch that failed and comes after its successor', async () => {
      const records = sealedRecords({ chain: 'late', count: 6 })
      const sink = redisStreamSink({ client, stream: 'late' })
      await sink.append(records.slice(3))
      await sink.append(records.slice(0, 3))
      expect((await linesOf(client, 'late', 'late')).toSorted()).toEqual(records.map(({ line }) => line).toSorted())
    })

    it('keeps everything, and about so many as it is told', async () => {
      const records = sealedRecords({ chain: 'many', count: 1000 })
      await redisStreamSink({ client, stream: 'all' }).append(records)
      expect(await client.xlen('all')).toBe(1000)
      const short = sealedRecords({ chain: 'short', count: 1000 })
      await redisStreamSink({ client, stream: 'short', maxLength: 100 }).append(short)
      expect(await client.xlen('short')).toBeLessThan(300)
    })

    it('counts as holding a record only where the disk has it before the answer', async () => {
      const sink = redisStreamSink({ client, stream: 'held', durable: true })
      expect(sink.durable).toBe(true)
      await expect(sink.ready?.()).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
      await client.config('SET', 'appendonly', 'yes')
      await expect(sink.ready?.()).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
      await client.config('SET', 'appendfsync', 'always')
      await expect(sink.ready?.()).resolves.toBeUndefined()
    })

    it.each<[string, object]>([
      ['ERR_OPTION_MISSING', {}],
      ['ERR_OPTION_INVALID', { client: { call: async () => 'OK', isCluster: true } }],
      ['ERR_OPTION_INVALID', { client: { call: async () => 'OK' }, maxLength: 0 }],
      ['ERR_OPTION_INVALID', { client: { call: async () => 'OK' }, durable: 'yes' }],
      ['ERR_OPTION_UNKNOWN', { client: { call: async () => 'OK' }, key: 'audit' }],
    ])('does not start: %s', (code, options) => {
      expect(() => redisStreamSink(options as never)).toThrow(expect.objectContaining({ code }))
    })
  })
}
