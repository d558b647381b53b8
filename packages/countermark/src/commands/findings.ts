import { EXIT, layOut, paint, say, sayJson, type Terminal, type Tone } from './terminal.ts'

/** What a rule found. */
export interface Finding {
  /** The name of the rule, in kebab case. */
  readonly rule: string
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  /** One sentence: what was seen. */
  readonly found: string
  /** What mends it. */
  readonly fix?: string
}

const TONES: Readonly<Record<Finding['state'], Tone>> = {
  ok: 'good',
  warning: 'warning',
  failed: 'bad',
  skipped: 'quiet',
}

/** Writes findings as a table, or as JSON. @returns the exit code: 1 when a rule failed */
export function report(terminal: Terminal, findings: readonly Finding[], json = false): number {
  const failed = findings.filter(({ state }) => state === 'failed').length
  if (json) sayJson(terminal, { findings })
  else tell(terminal, findings, failed)
  return failed === 0 ? EXIT.yes : EXIT.no
}

function tell(terminal: Terminal, findings: readonly Finding[], failed: number): void {
  const rows = findings.map(({ rule, state, found }) => [paint(terminal, TONES[state], state), rule, found])
  const lines = layOut(rows)
  for (const [index, { fix }] of findings.entries()) {
    say(terminal, lines[index] ?? '')
    if (fix !== undefined) say(terminal, `         fix: ${fix}`)
  }
  const warnings = findings.filter(({ state }) => state === 'warning').length
  say(terminal, '', `${findings.length} rules: ${failed} failed, ${warnings} with a warning`)
}
