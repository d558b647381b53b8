import { type AuditTrail, auditTrail } from './audit-trail.ts'
import type { CommandInput } from './command.ts'
import { inWrittenOrder } from './file-order.ts'
import { fileSink } from './file-sink.ts'

/**
 * Does something to files of a trail and records it in a chain of its own: in `--log`, or behind the last of the files, whose
 * end it names. The file is opened only once the work is done, and has changed nothing in it since.
 */
export async function maintain<T>(
  { files, options }: CommandInput,
  work: (record: AuditTrail['event']) => Promise<T>,
): Promise<T> {
  const { log } = options
  const last = (await inWrittenOrder(files)).at(-1)?.path
  const path = typeof log === 'string' ? log : last
  if (path === undefined) throw new TypeError('no files were given')
  return work(async (event) => {
    const trail = auditTrail({ sinks: [fileSink({ path, daily: false })] })
    try {
      await trail.ready()
      await trail.event(event)
    } finally {
      await trail.close()
    }
  })
}
