import { join } from 'node:path'
import { startProgram } from '@countermark/testing'

/** What an authority in another process is made of. Goes there as JSON. */
export interface AuthorityInput {
  readonly storage: string
  /** Where its trail lies. */
  readonly folder: string
  readonly doorToken: string
  readonly adminJwk: Record<string, unknown>
  /** Pushes stops by it. @default not pushed */
  readonly redisUrl?: string | undefined
}

/** An authority in a process of its own. */
export interface StartedAuthority {
  readonly port: number
  /** From its first line of code until it can answer. Milliseconds. */
  readonly readyMs: number
  readonly stop: () => Promise<void>
}

const READY = /ready in (\d+) ms on port (\d+)\n/

/** Starts one and waits until it listens. */
export async function startAuthority(input: AuthorityInput): Promise<StartedAuthority> {
  const program = join(import.meta.dirname, 'authority-process.ts')
  const { output, stop } = await startProgram({
    command: process.execPath,
    arguments: ['--import', 'tsx', '--conditions=@countermark/source', program, JSON.stringify(input)],
    ready: READY,
    timeoutMs: 120_000,
  })
  const [, readyMs, port] = READY.exec(output()) ?? []
  return { port: Number(port), readyMs: Number(readyMs), stop }
}
