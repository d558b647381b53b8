import { type FileHandle, open } from 'node:fs/promises'
import { Misconfigured } from '@countermark/core'
import { type CheckpointAnchor, checkpointLine } from './checkpoint.ts'

/**
 * Writes checkpoints into a file of their own, a line each, durable before it answers. It should lie where the process that
 * writes the trail can only append, or on another machine.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`
 */
export function fileAnchor({ path }: { readonly path: string }): CheckpointAnchor {
  if (typeof path !== 'string' || path === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'fileAnchor needs the path of a file')
  }
  let opened: FileHandle | undefined
  return {
    name: 'file',
    publish: async (checkpoint) => {
      opened ??= await open(path, 'a', 0o600)
      try {
        // The line feed first: whatever a failure left behind is not part of the next line.
        await opened.write(`\n${checkpointLine(checkpoint)}\n`)
        await opened.datasync()
      } catch (error) {
        await opened.close().catch(() => undefined)
        opened = undefined
        throw error
      }
    },
    close: async () => {
      await opened?.close()
      opened = undefined
    },
  }
}
