import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { BackendConfig } from './backend-config.ts'

/** A backend in a process of its own. */
export interface BackendProcess {
  readonly origin: string
  readonly port: number
  /** Ends the process at once, as a crash would. */
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
}

/** Starts `express-backend.ts` or `koa-backend.ts` and waits until it listens. */
export async function startBackend(program: 'express' | 'koa', config: BackendConfig): Promise<BackendProcess> {
  let child = await launch(program, config)
  const kill = (): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })
  return {
    origin: `http://127.0.0.1:${config.port}`,
    port: config.port,
    kill,
    restart: async () => {
      await kill()
      child = await launch(program, config)
    },
  }
}

function launch(program: string, config: BackendConfig): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, `${program}-backend.ts`), {
    env: { ...process.env, DEMO_BACKEND: JSON.stringify(config) },
  })
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child))
    child.once('exit', (code) => reject(new Error(`the ${program} backend ended with ${code} before it listened`)))
  })
}
