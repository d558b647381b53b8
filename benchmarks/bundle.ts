import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * Compiles what is measured, once, so that it runs without a loader: one that keeps the names of functions makes every
 * closure of a request several times as expensive as it is. What it imports stays as it is published.
 */
export async function bundle(name: 'server' | 'loop-of-kind' | 'growth-of' | 'key-costs'): Promise<string> {
  const outfile = join(import.meta.dirname, 'dist', `${name}.mjs`)
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
  })
  return outfile
}
