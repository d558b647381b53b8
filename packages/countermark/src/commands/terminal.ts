import type { Readable, Writable } from 'node:stream'
import { stripVTControlCharacters, styleText } from 'node:util'
import type { Clock } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'

/** Where a command runs and where it writes. */
export interface Terminal {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** A person sits in front of it: questions and progress make sense. */
  readonly isInteractive: boolean
  /** Never without a terminal, and not where `NO_COLOR` is set. */
  readonly hasColors: boolean
  readonly folder: string
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Aborted when the command shall end: `Ctrl-C`, or whatever runs it. A command that asks for it ends by itself. */
  readonly ending: () => AbortSignal
}

/** Exit codes: it is so; it is not so, or was refused; the command was misused, or something did not answer. */
export const EXIT = { yes: 0, no: 1, unusable: 2 } as const

/** The terminal of this process. */
export function terminalOf(process: NodeJS.Process): Terminal {
  const { stdin, stdout, stderr, env } = process
  const isTerminal = stdout.isTTY === true && stderr.isTTY === true
  const wantsColors = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  return {
    stdin,
    stdout,
    stderr,
    isInteractive: isTerminal && stdin.isTTY === true && (env['CI'] ?? '') === '',
    hasColors: isTerminal && wantsColors,
    folder: process.cwd(),
    variables: env,
    clock: systemClock,
    ending: () => endingOf(process),
  }
}

/** The second signal finds no listener any more, and ends the process as ever. */
function endingOf(process: NodeJS.Process): AbortSignal {
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
  return ending.signal
}

/** How a text is meant. */
export type Tone = 'good' | 'bad' | 'warning' | 'quiet' | 'strong'

const STYLES = { good: 'green', bad: 'red', warning: 'yellow', quiet: 'dim', strong: 'bold' } as const

/** A text in a colour, where the terminal has colours. */
export function paint(terminal: Terminal, tone: Tone, text: string): string {
  return terminal.hasColors ? styleText(STYLES[tone], text) : text
}

/** Lines on standard output. */
export function say(terminal: Terminal, ...lines: readonly string[]): void {
  for (const line of lines) terminal.stdout.write(`${harmless(terminal, line)}\n`)
}

/** Lines on standard error. */
export function warn(terminal: Terminal, ...lines: readonly string[]): void {
  for (const line of lines) terminal.stderr.write(`${harmless(terminal, line)}\n`)
}

/** Control characters, those that turn the direction of a line too, and colours as `paint` writes them. */
const STEERING = new RegExp(`${String.fromCodePoint(27)}\\[\\d{1,2}m|[\\p{Cc}\\u202a-\\u202e\\u2066-\\u2069]`, 'gu')

/** Services, records and callers choose what is shown: none of it may steer the terminal. */
function harmless({ hasColors }: Terminal, line: string): string {
  return line.replace(STEERING, (found) => {
    if (found === '\n' || found === '\t') return found
    return found.length > 1 && hasColors ? found : '\uFFFD'
  })
}

/** A value for machines: one JSON document on standard output. */
export function sayJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Lines of columns; the first row is the heading. */
export function layOut(rows: readonly (readonly string[])[]): readonly string[] {
  const lengths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column]))))
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (lengths[column] ?? 0) - lengthOf(cell))))
      .join('  ')
      .trimEnd(),
  )
}

function lengthOf(cell = ''): number {
  return stripVTControlCharacters(cell).length
}

/** After this time a command says that it is still at work. */
const PROGRESS_AFTER_MS = 2_000

/** Waits for something; where that takes more than two seconds, standard error says what is awaited. */
export async function withProgress<Result>(terminal: Terminal, what: string, work: Promise<Result>): Promise<Result> {
  const started = setInterval(() => terminal.stderr.write(`${what} …\n`), PROGRESS_AFTER_MS)
  try {
    return await work
  } finally {
    clearInterval(started)
  }
}
