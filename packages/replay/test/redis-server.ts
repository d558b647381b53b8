import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** A redis-server of our own, in a folder of its own. */
export interface RedisServer {
  readonly port: number
  /** A connection for the test itself. */
  readonly admin: Redis
  /** Stops it in its tracks, and lets it go on. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Ends it as a power failure would. */
  readonly kill: () => Promise<void>
  /** Starts it again in the same folder, on the same port. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Whether redis-server can be run here. In CI it must be. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** Describes what needs redis-server, or says that it is passed over; in CI that is a failure. */
export function describeWithRedis(name: string, tests: () => void): void {
  if (hasRedisServer()) {
    describe(name, tests)
    return
  }
  describe(name, () => {
    it('is passed over, because redis-server is not installed', () => {
      console.warn(`${name}: passed over, because redis-server is not installed`)
      expect(process.env['CI']).toBeUndefined()
    })
  })
}

/** Starts a server with the given settings, such as `['--appendonly', 'yes']`. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'countermark-redis-'))
  const port = await findFreePort()
  const admin = new Redis(port, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => undefined)
  const launch = (): ChildProcess =>
    spawn('redis-server', ['--port', String(port), '--dir', folder, '--save', '', '--bind', '127.0.0.1', ...settings], {
      stdio: 'ignore',
    })
  let server = launch()
  // Also when the tests are interrupted.
  const killAtExit = (): void => void server.kill('SIGKILL')
  process.once('exit', killAtExit)
  const end = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGKILL')
    await gone
  }
  await admin.ping()
  return {
    port,
    admin,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill: end,
    restart: async () => {
      server = launch()
      await admin.ping()
    },
    stop: async () => {
      process.off('exit', killAtExit)
      admin.disconnect()
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}
