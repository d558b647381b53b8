import { requireKnownOptions } from '@countermark/core'
import type { AuditEvent } from '../audit-event.ts'
import type { SealedMembers } from '../seal-record.ts'
import { createSeqRanges, type SeqRanges, splitRanges } from './seq-ranges.ts'
import type { TrailStore } from './trail-store.ts'

/** Whom to forget. */
export interface EraseOptions {
  /** The `user` of records: the subject of the tokens. */
  readonly subject: string
  /** Records that it was done: the `event` of a trail. */
  readonly record: (event: AuditEvent) => Promise<void>
}

/** What was erased. */
export interface Erasure {
  readonly records: number
  readonly ranges: SeqRanges
}

/**
 * Removes the values about a person from every record of what was done for them, and from chains of actors that name them.
 * What is hashed stays, with commitments from which nobody gets a value back once its salt is gone: every chain verifies as
 * before. That it was done is recorded, without saying for whom.
 * @example
 * await eraseSubject(fileStore(files), { subject: 'user_17', record: trail.event })
 */
export async function eraseSubject(store: TrailStore, options: EraseOptions): Promise<Erasure> {
  requireKnownOptions('eraseSubject', options, ['subject', 'record'])
  const { subject, record } = options
  if (typeof subject !== 'string' || subject === '') throw new TypeError('erasure needs the subject to forget')
  const erased = createSeqRanges()
  await store.change((sealed) => {
    const left = valuesLeft(sealed, subject)
    if (left === sealed.private) return undefined
    erased.add(sealed.chain, sealed.seq)
    return { ...sealed, private: left }
  })
  const erasure = { records: erased.count(), ranges: erased.ranges() }
  for (const ranges of splitRanges(erasure.ranges)) {
    await record({ event: 'records_erased', details: { records: erasure.records, ranges } })
  }
  return erasure
}

function valuesLeft({ private: values }: SealedMembers, subject: string): SealedMembers['private'] {
  if (values['user']?.value === subject) return {}
  const { actors, ...others } = values
  return actors !== undefined && namesActor(actors.value, subject) ? others : values
}

function namesActor(text: string, subject: string): boolean {
  try {
    const actors: unknown = JSON.parse(text)
    return Array.isArray(actors) && actors.some((actor) => Object(actor).id === subject)
  } catch {
    // Not written by a trail: looked through as text, since too much erased is better than too little.
    return text.includes(subject)
  }
}
