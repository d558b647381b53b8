import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { build } from 'esbuild'
import { type StartThread, startThread } from '../src/trail/thread/thread-line.ts'

/** Programs of a folder, compiled as a backend would be that is put into one file; the program of the thread lies beside. */
export interface BundledPrograms {
  readonly pathOf: (name: string) => string
  /** Starts threads of a trail in this process, and keeps them to be ended. */
  readonly startThread: StartThread
  readonly threads: readonly Worker[]
  readonly remove: TempFolder['remove']
}

/** Compiles programs of this folder, such as `crash-server`. */
export async function bundlePrograms(...names: readonly string[]): Promise<BundledPrograms> {
  const folder = await createTempFolder()
  const entries = names.map((name) => [name, join(__dirname, `${name}.ts`)])
  await build({
    entryPoints: { ...Object.fromEntries(entries), 'audit-thread': join(__dirname, '../src/audit-thread.ts') },
    outdir: folder.path,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    conditions: ['@countermark/source'],
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // What is CommonJS inside asks for modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)",
    },
    logLevel: 'silent',
  })
  const threads: Worker[] = []
  return {
    pathOf: (name) => join(folder.path, `${name}.mjs`),
    startThread: (start) => {
      const worker = startThread(pathToFileURL(join(folder.path, 'audit-thread.mjs')), start, [])
      threads.push(worker)
      return worker
    },
    threads,
    remove: folder.remove,
  }
}

/** Compiles a program into one file of CommonJS, without the program of the thread. */
export async function bundleAlone(name: string, folder: string): Promise<string> {
  const outfile = join(folder, `${name}.cjs`)
  const entryPoints = [join(__dirname, `${name}.ts`)]
  const conditions = ['@countermark/source']
  await build({ entryPoints, outfile, bundle: true, conditions, platform: 'node', format: 'cjs', logLevel: 'silent' })
  return outfile
}
