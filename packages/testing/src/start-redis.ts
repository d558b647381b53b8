import { findFreePort } from './free-port.ts'
import { type StartedProgram, startProgram } from './start-program.ts'
import { createTempFolder } from './temp-folder.ts'

/** How to start a Redis server for a test. */
export interface RedisOptions {
  /** Path of `redis-server`: what `requireProgram('redis-server')` found. */
  readonly command: string
  /** @default a free one */
  readonly port?: number
  /** More of the command line, such as `['--appendonly', 'yes']`. */
  readonly arguments?: readonly string[]
  /** Where its files lie; kept afterwards. @default a temporary folder, removed afterwards */
  readonly folder?: string
}

/** A Redis server that belongs to a test. */
export interface StartedRedis extends StartedProgram {
  readonly port: number
  readonly url: string
}

/** Starts a Redis server that keeps nothing on disk unless its arguments say so. */
export async function startRedis(options: RedisOptions): Promise<StartedRedis> {
  const { command, port = await findFreePort() } = options
  const temporary = options.folder === undefined ? await createTempFolder() : undefined
  const folder = options.folder ?? temporary?.path ?? '.'
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const program = await startProgram({
    command,
    arguments: [...fixed, ...(options.arguments ?? [])],
    folder,
    ready: /Ready to accept connections/,
  })
  return {
    ...program,
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      await program.stop()
      await temporary?.remove()
    },
  }
}
