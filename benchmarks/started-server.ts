import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { NodeBinary } from './node-binary.ts'

/** A server of its own process, on core 0. */
export interface StartedServer {
  readonly port: number
  readonly pid: number
  readonly stop: () => void
}

/** V8 throws code away that did not run for a while: a server that waits for its turn would begin anew each time. */
const KEEP_CODE = ['--no-flush-bytecode']

/** Starts one variant's server and waits until it listens. In the folder it finds the identity, and keeps what it writes. */
export function startServer(input: {
  readonly node: NodeBinary
  readonly script: string
  readonly name: string
  readonly folder: string
}): Promise<StartedServer> {
  const { node, script, name, folder } = input
  const child: ChildProcess = spawn('taskset', ['-c', '0', node.path, ...KEEP_CODE, script, name], {
    env: {
      ...process.env,
      BENCH_IDENTITY: join(folder, 'identity.json'),
      BENCH_FOLDER: folder,
      NODE_ENV: 'benchmark',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      const port = /PORT (\d+)/.exec(chunk.toString())?.[1]
      if (port !== undefined) resolve({ port: Number(port), pid: child.pid ?? 0, stop: () => void child.kill() })
    })
  })
}
