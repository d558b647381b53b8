import { spawnSync } from 'node:child_process'
import { bundle } from './bundle.ts'
import { median } from './figures.ts'
import type { NodeBinary } from './node-binary.ts'

/** CPU by what it is for: of imports in milliseconds beyond Node's own, of a key in microseconds, of a start in seconds. */
export type StartCosts = ReadonlyMap<string, number>

const ROUNDS = 7

/** What a program imports, and whatever it imports itself. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'four packages': ['@countermark/express', '@countermark/keys', '@countermark/signature', '@countermark/replay'],
  'countermark/express': ['countermark/express'],
  'the whole suite': ['countermark/express', '@countermark/keys', '@countermark/metrics', '@countermark/audit'],
  'express-oauth2-jwt-bearer': ['express-oauth2-jwt-bearer'],
  'express-jwt': ['express-jwt'],
  'koa-jwt': ['koa-jwt'],
  jose: ['jose'],
  'fast-jwt': ['fast-jwt'],
  'http-message-signatures': ['http-message-signatures'],
  'web-bot-auth': ['web-bot-auth'],
}

/** Measures what a start costs: imports, each in processes of its own and interleaved, and keys. */
export async function measureStart(node: NodeBinary): Promise<StartCosts> {
  const keys = await measureKeys(node)
  return new Map([...measureImports(node), ...keys])
}

function measureImports(node: NodeBinary): ReadonlyMap<string, number> {
  const nothing: number[] = []
  const measured = new Map<string, number[]>(Object.keys(IMPORTS).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    nothing.push(importMillis(node, []))
    for (const [name, specifiers] of Object.entries(IMPORTS)) measured.get(name)?.push(importMillis(node, specifiers))
  }
  const base = median(nothing)
  return new Map([...measured].map(([name, millis]) => [`import of ${name}`, median(millis) - base]))
}

function importMillis({ path }: NodeBinary, specifiers: readonly string[]): number {
  const imports = specifiers.map((specifier) => `await import(${JSON.stringify(specifier)})`)
  const tell = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)'
  const code = [...imports, tell].join('\n')
  return Number(outputOf(path, ['--input-type=module', '--eval', code]))
}

async function measureKeys({ path }: NodeBinary): Promise<ReadonlyMap<string, number>> {
  const script = await bundle('key-costs')
  return new Map(Object.entries(JSON.parse(outputOf(path, ['--max-old-space-size=4096', script]))))
}

function outputOf(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: import.meta.dirname, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.at(-1)} ended with ${status}: ${stderr}`)
  return stdout
}
