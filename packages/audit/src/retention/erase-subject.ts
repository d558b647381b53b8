import { Misconfigured } from '@countermark/core'
import { custom, optionTable } from '@countermark/core/internal'
import type { SealedMembers } from '../record/chain.ts'
import { isPseudonymKey, pseudonymOf } from '../record/record-rules.ts'
import { SeqRangeCollector, type SeqRanges } from '../verify/seq-ranges.ts'
import { RECORD_EVENT, type RecordEvent, recordChange, type TrailStore } from './trail-store.ts'

/** Whom to forget. */
export interface EraseOptions {
  /** The `user` of records: the subject of the tokens. */
  readonly subject: string
  /** Records that it was done: the `event` of a trail. */
  readonly record: RecordEvent
  /** The key of the trail's pseudonyms, where it holds those instead of users. @default it holds users as they are */
  readonly pseudonymKey?: string | Uint8Array
}

const OPTIONS = optionTable('eraseSubject', {
  subject: custom((name, given, owner) => {
    if (typeof given === 'string' && given !== '') return given
    throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs ${name}, the user to forget`)
  }),
  record: RECORD_EVENT,
  pseudonymKey: custom((name, key) => {
    if (key === undefined || isPseudonymKey(key)) return key
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be the key of the trail, at least 16 bytes`)
  }),
})

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
 * @throws {@link Misconfigured}
 */
export async function eraseSubject(store: TrailStore, options: EraseOptions): Promise<Erasure> {
  const { subject, record, pseudonymKey } = OPTIONS.read(options)
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
  if (whole.count > 0 || all.count === 0) await recordChange(record, 'records_erased', whole)
  // Nothing but what was erased may be gone: the event names it.
  if (actorsOnly.count > 0) await recordChange(record, 'records_erased', actorsOnly, { values: ['actors', 'question'] })
  return erasure
}

function valuesLeft({ private: values }: SealedMembers, subjects: readonly string[]): SealedMembers['private'] {
  const user = values['user']?.value
  if (user !== undefined && subjects.includes(user)) return {}
  // The question that a policy was asked tells of the same chain.
  const { actors, question: _, ...others } = values
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
