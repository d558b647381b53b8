import { styleText } from 'node:util'

/** How one scene went. */
export interface SceneResult {
  readonly backend: string
  readonly title: string
  readonly expected: string
  readonly got: string
  readonly milliseconds: number
}

type Colour = Parameters<typeof styleText>[0]

/** In colour, where there is a terminal that shows it. */
export function paint(colour: Colour, text: string): string {
  return process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? styleText(colour, text) : text
}

/** Says what happens before the scenes. */
export function say(text: string): void {
  console.log(`  ${text}`)
}

/** A heading between groups of scenes. */
export function heading(text: string): void {
  console.log(`\n${paint('bold', text)}`)
}

/** One tick of the list. */
export function tick(result: SceneResult): void {
  const good = result.got === result.expected
  const mark = good ? paint('green', '✓') : paint('red', '✗')
  const outcome = good ? result.got : paint('red', `${result.got}, expected ${result.expected}`)
  const time = paint('dim', `${result.milliseconds.toFixed(0)} ms`)
  console.log(`  ${mark} ${result.backend.padEnd(8)} ${result.title.padEnd(66)} ${outcome}  ${time}`)
}

/** What was refused, by code, and what passed. */
export function table(results: readonly SceneResult[]): void {
  const counts = new Map<string, number>()
  for (const { got } of results) counts.set(got, (counts.get(got) ?? 0) + 1)
  const rows = [...counts].sort(([a], [b]) => a.localeCompare(b))
  const width = Math.max(...rows.map(([outcome]) => outcome.length))
  console.log(`\n  ${'answer'.padEnd(width)}  scenes`)
  for (const [outcome, count] of rows) console.log(`  ${outcome.padEnd(width)}  ${String(count).padStart(6)}`)
}
