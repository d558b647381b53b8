import type { Writable } from 'node:stream'

/** Where a command writes. */
export interface CommandOutput {
  readonly stdout: Writable
  readonly stderr: Writable
}

/** What a command was given. */
export interface CommandInput {
  readonly files: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>
}

/** Exit codes: the trail is as it was written; it was tampered with; it could not be looked at. */
export const EXIT = { intact: 0, tampered: 1, unusable: 2 } as const

/** One command. Answers with its exit code, or throws what becomes exit code 2. */
export type Command = (input: CommandInput, output: CommandOutput) => Promise<number>
