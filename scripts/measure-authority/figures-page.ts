import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'

/** When, with what and where something was measured. */
export function writeHead(command: string): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, commit ${commit}, Node ${process.version}, ${machine}, load ${Math.round(loadavg()[0] ?? 0)}: ${command}.`
}

/** The page with one of its sections written anew; the others stay. */
export function replaceSection(path: string, title: string, content: string): string {
  const page = existsSync(path) ? readFileSync(path, 'utf8') : '# The authority\n'
  const [before = '', ...sections] = page.split(/^## /m)
  const others = sections.filter((section) => !section.startsWith(`${title}\n`))
  return [before.trim(), ...others.map((section) => `## ${section.trim()}`), `## ${title}\n\n${content.trim()}`]
    .join('\n\n')
    .concat('\n')
}

/** The value below which this share of the values lies; whole milliseconds are enough for people. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
