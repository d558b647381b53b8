import { existsSync } from 'node:fs'
import {
  createTempFolder,
  findFreePort,
  findProgram,
  requireProgram,
  sendRaw,
  startProgram,
  startRedis,
  startRedisCluster,
} from '@countermark/testing'
import { Cluster } from 'ioredis'

const LISTEN = "require('http').createServer((q, s) => s.end('up')).listen(process.env.PORT, '127.0.0.1')"

describe('startProgram', () => {
  it('waits until the port accepts connections, and frees it on stop', async () => {
    const port = await findFreePort()
    const program = await startProgram({
      command: process.execPath,
      arguments: ['-e', LISTEN],
      env: { PORT: String(port) },
      ready: port,
    })
    expect((await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).text).toBe('up')
    await program.stop()
    await expect(sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).rejects.toThrow('ended after 0 bytes')
  })

  it('tells what a program wrote before it ended', async () => {
    const started = startProgram({
      command: process.execPath,
      arguments: ['-e', "console.error('no configuration'); process.exit(3)"],
      ready: /never/,
    })
    await expect(started).rejects.toThrow(/ended with 3:\nno configuration/)
  })

  it('gives up on a program that is never ready', async () => {
    const started = startProgram({
      command: process.execPath,
      arguments: ['-e', 'setInterval(() => {}, 1000)'],
      ready: /never/,
      timeoutMs: 200,
    })
    await expect(started).rejects.toThrow(/is not ready/)
  })

  it('stops a program that is suspended', async () => {
    const program = await startProgram({
      command: process.execPath,
      arguments: ['-e', "console.log('ready'); setInterval(() => {}, 1000)"],
      ready: /ready/,
    })
    program.signal('SIGSTOP')
    await program.stop()
    expect(await program.exited).toBe('SIGTERM')
  })

  it('reports a command that does not exist', async () => {
    await expect(startProgram({ command: '/nonexistent/program', ready: /x/ })).rejects.toThrow(/ENOENT/)
  })
})

describe('requireProgram', () => {
  const before = process.env['CI']
  afterEach(() => {
    if (before === undefined) delete process.env['CI']
    else process.env['CI'] = before
  })

  it('finds a program in the path', () => {
    expect(existsSync(requireProgram('node') ?? '')).toBe(true)
  })

  it('passes a missing program over on a developer’s machine', () => {
    delete process.env['CI']
    expect(requireProgram('no-such-program')).toBeUndefined()
  })

  it('fails for a missing program on a build server', () => {
    process.env['CI'] = 'true'
    expect(() => requireProgram('no-such-program')).toThrow(/no-such-program is not installed/)
  })
})

describe('startRedis', () => {
  const command = findProgram('redis-server')

  it('answers on a port of its own, or is reported missing', async () => {
    if (command === undefined) return void requireProgram('redis-server')
    const redis = await startRedis({ command })
    const reply = sendRaw(redis.port, 'PING\r\n', { timeoutMs: 200 })
    await expect(reply).rejects.toThrow('after 7 bytes') // "+PONG\r\n" is no HTTP response
    await redis.stop()
    expect(await redis.exited).toBe(0)
  })
})

describe('createTempFolder', () => {
  it('is gone with its content after remove', async () => {
    const folder = await createTempFolder()
    expect(existsSync(folder.path)).toBe(true)
    await folder.remove()
    expect(existsSync(folder.path)).toBe(false)
  })
})

const redisServer = requireProgram('redis-server')

;(redisServer === undefined ? describe.skip : describe)('startRedisCluster', () => {
  it('starts servers that share the slots, and one of them anew without its data', async () => {
    const cluster = await startRedisCluster({ command: redisServer ?? '' })
    const client = new Cluster(cluster.ports.map((port) => ({ host: '127.0.0.1', port })))
    client.on('error', () => undefined)
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
    for (const key of keys) await client.set(key, 'kept')
    await cluster.restart(1)
    const values = []
    for (const key of keys) values.push(await client.get(key))
    expect(new Set(values)).toEqual(new Set(['kept', null]))
    client.disconnect()
    await cluster.stop()
  }, 40_000)
})
