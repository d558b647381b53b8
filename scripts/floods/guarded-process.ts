import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Who the guarded application is. */
export const AUTHORITY = 'api.example.com'

/** What a guarded application is made of. Goes to another process as JSON. */
export interface GuardedAppInput {
  readonly registryUrl: string
  /** Options of its source of keys. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** A second level. @default none */
  readonly redisUrl?: string | undefined
}

/** A guarded application in a process of its own. */
export interface GuardedProcess {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Starts one and waits until it listens. */
export async function startGuardedProcess(input: GuardedAppInput): Promise<GuardedProcess> {
  const child = fork(join(import.meta.dirname, 'guarded-app.ts'), [JSON.stringify(input)], {
    execArgv: ['--import', 'tsx', '--conditions=@countermark/source'],
  })
  const port = await Promise.race([firstMessage(child), once(child, 'exit').then(() => undefined)])
  if (typeof port !== 'number') throw new Error('the guarded application did not start')
  return {
    port,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

async function firstMessage(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message')
  return message
}
