import { requireKnownOptions } from '@countermark/core'
import type { SealedMembers } from '../record/chain.ts'
import type { AuditEvent } from '../record/record-input.ts'
import { pseudonymOf } from '../record/record-rules.ts'
import { SeqRangeCollector, type SeqRanges, splitRanges } from '../verify/seq-ranges.ts'
import type { TrailStore } from './trail-store.ts'

/** Whom to forget. */
export interface EraseOptions {
  /** The `user` of records: the subject of the tokens. */
  readonly subject: string
  /** Records that it was done: the `event` of a trail. */
  readonly record: (event: AuditEvent) => Promise<void>
  /** The key of the trail's pseudonyms, where it holds those instead of users. @default it holds users as they are */
  readonly pseudonymKey?: string | Uint8Array
}

/** What was erased. */
export interface Erasure {
  readonly records: number
  readonly ranges: SeqRanges
}

/**
 * Removes the values about a person from every record of what was done for them, and from chains of actors that name them.
 * What is hashed stays, with commitments from which no value can be got back once its salt is gone: every chain verifies as
 * before. The trail is verified first. That it was done is recorded, without saying for whom.
 * @example
 * await eraseSubject(fileStore(files), { subject: 'user_17', record: trail.event })
 */
export async function eraseSubject(store: TrailStore, options: EraseOptions): Promise<Erasure> {
  requireKnownOptions('eraseSubject', options, ['subject', 'record', 'pseudonymKey'])
  const { subject, record, pseudonymKey } = options
  if (typeof subject !== 'string' || subject === '') throw new TypeError('erasure needs the subject to forget')
  const names = [subject, ...(pseudonymKey === undefined ? [] : [pseudonymOf('user', subject, pseudonymKey)])]
  await store.verify?.()
  const [all, whole, actorsOnly] = [new SeqRangeCollector(), new SeqRangeCollector(), new SeqRangeCollector()]
  await store.change((sealed) => {
    const left = valuesLeft(sealed, names)
    if (left === sealed.private) return undefined
    const { chain, seq } = sealed
    all.add(chain, seq)
    if (Object.keys(left).length === 0) whole.add(chain, seq)
    else actorsOnly.add(chain, seq)
    return { ...sealed, private: left }
  })
  const erasure = { records: all.count, ranges: all.ranges() }
  if (whole.count > 0 || all.count === 0) await tell(record, whole, {})
  // Nothing but what was erased may be gone: the event names it.
  if (actorsOnly.count > 0) await tell(record, actorsOnly, { values: ['actors'] })
  return erasure
}

async function tell(
  record: EraseOptions['record'],
  erased: SeqRangeCollector,
  more: { readonly values?: readonly string[] },
): Promise<void> {
  for (const ranges of splitRanges(erased.ranges())) {
    await record({ event: 'records_erased', details: { records: erased.count, ranges, ...more } })
  }
}

function valuesLeft({ private: values }: SealedMembers, subjects: readonly string[]): SealedMembers['private'] {
  const user = values['user']?.value
  if (user !== undefined && subjects.includes(user)) return {}
  const { actors, ...others } = values
  return actors !== undefined && subjects.some((subject) => namesActor(actors.value, subject)) ? others : values
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
