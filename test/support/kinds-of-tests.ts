import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Test files by what they need, relative to the root. */
export interface KindsOfTests {
  /** No server, no file, no process, no time limit of its own: they all run in a minute. */
  readonly unit: readonly string[]
  readonly integration: readonly string[]
}

// What a test imports to reach outside of its own process, and what starts something for it.
const OUTSIDE =
  /^(?:node:(?:child_process|dgram|fs|http|net|tls|worker_threads)|axios|express|ioredis|koa|libsql|pg|redis|supertest|undici|ws)/
const STARTED =
  /\b(?:createTempFolder|describeAdapter|findFreePort|requireProgram|sendRaw|start(?:Postgres|Program|Redis|Server)|useGuardedApps)\b/
// A time limit of its own: a search or a figure.
const LONG = /jest\.setTimeout\(|^\s*\}, [\d_]{5,}\)/m
const IMPORT = /^(?:import|export) (?!type )(?:[^']*? from )?'([^']+)'/gm

/** Sorts the test files by what they and the helpers that they import need. */
export function sortTests(root: string): KindsOfTests {
  const known = new Map<string, boolean>()
  const tests = ['test', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/test`)].flatMap(
    (folder) => filesBelow(join(root, folder)).map((name) => `${folder}/${name}`),
  )
  const needsMore = (path: string): boolean => reachesOutside(join(root, path), known)
  return { unit: tests.filter((path) => !needsMore(path)), integration: tests.filter(needsMore) }
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
}

function reachesOutside(path: string, known: Map<string, boolean>): boolean {
  const before = known.get(path)
  if (before !== undefined) return before
  known.set(path, false) // a circle of helpers ends here
  const text = readFileSync(path, 'utf8')
  const imported = [...text.matchAll(IMPORT)].map(([, name = '']) => name)
  const helpers = imported.filter((name) => name.startsWith('.') && name.endsWith('.ts') && !name.includes('/src/'))
  const outside =
    imported.some((name) => OUTSIDE.test(name)) ||
    STARTED.test(text) ||
    LONG.test(text) ||
    helpers.some((name) => reachesOutside(join(dirname(path), name), known))
  known.set(path, outside)
  return outside
}
