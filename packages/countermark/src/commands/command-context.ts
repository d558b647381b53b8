import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/** What a command is made with: where it runs, and where it leaves its exit code. */
export interface CommandContext {
  readonly terminal: Terminal
  /** Says how the command ended. @default 0 */
  readonly exit: (code: number) => void
}

/** Makes one command. */
export type CreateCommand = (context: CommandContext) => Command

/** The text behind a command's help. */
export function examples(...lines: readonly string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n')
}
