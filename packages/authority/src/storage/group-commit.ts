import { setImmediate } from 'node:timers/promises'
import type { Committing } from './store.ts'
import type { WriterQueue } from './writer-queue.ts'

/** What a group is carried out with. What throws leaves no transaction open. */
export interface GroupStatements {
  /** Begins a transaction; waits for writers in other processes. */
  readonly begin: () => Promise<void>
  readonly execute: (statement: string) => void
  /** Writes it to the disk. */
  readonly commit: () => void
  /** Takes all of it back. @param hasFailed whether one of its statements failed */
  readonly rollback: (hasFailed: boolean) => void
}

/** One work's part of a transaction. */
export interface GroupPart {
  readonly committing: Committing
  /** Lets the next one begin. */
  readonly leave: () => void
  /** Whether one of its statements failed. */
  readonly hasFailed: () => boolean
}

/** Carries out transactions that follow one another. */
export interface GroupCommit {
  /** Begins a part, in the turn that the queue gave. */
  readonly begin: (part: GroupPart) => Promise<void>
  /** Resolves when the part is on the disk. @throws Error when the group could not be committed */
  readonly commit: (part: GroupPart) => Promise<void>
  /** Takes the part back, and nothing else of its group. Does nothing once the group has ended. */
  readonly rollback: (part: GroupPart) => void
}

interface Group {
  readonly parts: Set<GroupPart>
  /** Parts that are done and wait for the disk. */
  readonly finished: Finished[]
}

interface Finished {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One sync of the disk serves so many at most. */
const MOST_PARTS = 64

/**
 * Works that commit `together` and wait for the file at the same time share one transaction, and so one sync of the disk. Each has a
 * savepoint: one that fails takes back what it wrote itself. None is answered before all of them are on the disk.
 */
export function createGroupCommit(queue: WriterQueue, statements: GroupStatements): GroupCommit {
  let group: Group | undefined
  const end = (how: () => void): void => {
    const finished = group?.finished ?? []
    group = undefined
    settle(finished, how)
  }
  /** Parts that are done must not wait for a transaction that cannot go on. */
  const orGiveUp = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      end(() => {
        statements.rollback(true)
        throw error
      })
    }
  }
  return {
    begin: async (part) => {
      if (group === undefined) {
        await statements.begin()
        group = { finished: [], parts: new Set() }
      }
      group.parts.add(part)
      if (part.committing === 'together') orGiveUp(() => statements.execute('SAVEPOINT part'))
    },
    commit: async (part) => {
      if (part.committing === 'together') statements.execute('RELEASE part')
      const parts = group?.parts.size ?? MOST_PARTS
      // A connection on which a statement failed, and was forgiven, is not used any longer than it must be.
      if (part.hasFailed() || parts >= MOST_PARTS || !(await isFollowed(part, queue))) {
        end(statements.commit)
        return
      }
      const onDisk = new Promise<void>((resolve, reject) => group?.finished.push({ resolve, reject }))
      part.leave()
      await onDisk
    },
    rollback: (part) => {
      if (!group?.parts.has(part)) return
      if (group.finished.length === 0) {
        end(() => statements.rollback(part.hasFailed()))
        return
      }
      orGiveUp(() => {
        statements.execute('ROLLBACK TO part')
        statements.execute('RELEASE part')
      })
      end(statements.commit)
    },
  }
}

/** Those who come in this turn of the event loop wait in the queue by its end. */
async function isFollowed({ committing }: GroupPart, queue: WriterQueue): Promise<boolean> {
  if (committing === 'alone') return false
  if (queue.next() === undefined) await setImmediate()
  return queue.next() === 'together'
}

function settle(finished: readonly Finished[], how: () => void): void {
  try {
    how()
  } catch (error) {
    for (const { reject } of finished) reject(error)
    throw error
  }
  for (const { resolve } of finished) resolve()
}
