import { join } from 'node:path'
import { startProgram } from '@countermark/testing'

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
  const program = join(import.meta.dirname, 'guarded-app.ts')
  const { output, stop } = await startProgram({
    command: process.execPath,
    arguments: ['--import', 'tsx', '--conditions=@countermark/source', program, JSON.stringify(input)],
    ready: PORT,
  })
  return { port: Number(PORT.exec(output())?.[1]), stop }
}

const PORT = /port (\d+)\n/
