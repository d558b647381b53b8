import { type Anchors, readAnchors, readCheckpointKey } from '../verify/anchors.ts'
import type { CommandInput } from './command.ts'

/**
 * The checkpoints that a command was told to trust.
 * @throws TypeError when there are checkpoints and no key: whoever rewrote the trail could have signed them
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
