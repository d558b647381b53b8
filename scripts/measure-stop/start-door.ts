import { join } from 'node:path'
import { startProgram } from '@countermark/testing'

/** How callers sign that the shop is. */
export const SHOP = 'http://shop.test'

/** What a guarded process is made of. Goes there as JSON. */
export interface DoorInput {
  readonly authorityPort: number
  readonly door: string
  readonly token: string
  readonly staleAfterSeconds: number
  /** Follows stops by it. @default the stream of the authority */
  readonly redisUrl?: string | undefined
}

/** A guarded process. */
export interface StartedDoor {
  readonly name: string
  readonly port: number
  readonly stop: () => Promise<void>
}

const PORT = /port (\d+)\n/

/** Starts one and waits until it knows every stop. */
export async function startDoor(input: DoorInput): Promise<StartedDoor> {
  const program = join(import.meta.dirname, 'door-process.ts')
  const { output, stop } = await startProgram({
    command: process.execPath,
    arguments: ['--import', 'tsx', '--conditions=@countermark/source', program, JSON.stringify(input)],
    ready: PORT,
    timeoutMs: 120_000,
  })
  return { name: input.door, port: Number(PORT.exec(output())?.[1]), stop }
}
