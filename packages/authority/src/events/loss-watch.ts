import type { ReceiverRow } from './event-tables.ts'
import type { Waiting } from './notices.ts'

/** Hears of lines that were deleted before a receiver took them, each of them once in a process. */
export type LossWatch = (receiver: ReceiverRow, waiting: Pick<Waiting, 'lost'>) => void

/** What is told. */
export interface LossWatchOptions {
  readonly countLost: (kind: ReceiverRow['kind'], lines: number) => void
  readonly onFault: (error: unknown) => void
}

/** Creates it. A receiver that stays away is told of again when more is lost. */
export function createLossWatch({ countLost, onFault }: LossWatchOptions): LossWatch {
  const toldUpTo = new Map<string, number>()
  return ({ id, kind, cursor }, { lost }) => {
    const known = Math.max(cursor, toldUpTo.get(id) ?? 0)
    const lines = cursor + lost - known
    if (lost === 0) toldUpTo.delete(id)
    if (!(lines > 0)) return
    toldUpTo.set(id, cursor + lost)
    countLost(kind, lines)
    onFault(new Error(`receiver ${id} was away for too long: ${lines} lines were deleted before it took them`))
  }
}
