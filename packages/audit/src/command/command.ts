import type { Writable } from 'node:stream'
import { type Anchors, readAnchors, readCheckpointKey } from '../verify/anchors.ts'

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

/**
 * The checkpoints that a command was told to trust.
 * @throws TypeError when there are checkpoints and no key: a thief who rewrote the trail could have signed them
 */
export async function commandAnchors({ options }: CommandInput): Promise<Anchors> {
  const [paths, keyPaths] = [checkpointPaths(options), texts(options['key'])]
  if (paths.length > 0 && keyPaths.length === 0)
    throw new TypeError('--checkpoints needs --key, the key that signs them')
  return readAnchors(paths, await Promise.all(keyPaths.map(readCheckpointKey)))
}

/** The files of checkpoints that a command was given. */
export function checkpointPaths(options: CommandInput['options']): readonly string[] {
  return texts(options['checkpoints'])
}

function texts(value: CommandInput['options'][string]): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
