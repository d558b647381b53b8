import type { SealedMembers } from '../record/chain.ts'
import { isCommitted } from '../record/commitment.ts'
import { commitmentsOf, hashInPlace, isPruned, type PlacedMembers } from '../record/parse-line.ts'
import type { EvidenceState } from './evidence-check.ts'

/** What is wrong with a trail, in one word. */
export type FindingKind =
  | 'altered'
  | 'missing'
  | 'misplaced'
  | 'truncated'
  | 'malformed'
  /** Nothing to verify, where something was expected. */
  | 'empty'
  /** Checkpoints that are not signed with a trusted key, contradict each other, or are not there. */
  | 'checkpoint'
  /** Records that no checkpoint vouches for, where that was asked for. */
  | 'unanchored'

/** Something that would not be there if the trail were as it was written. */
export interface Finding {
  /** What is wrong, as a closed word. */
  readonly kind: FindingKind
  /** What is wrong, for people. */
  readonly message: string
}

/** A record that is not as it was written. `what` continues the sentence about it. */
export function altered({ chain, seq }: { readonly chain: string; readonly seq: number }, what: string): Finding {
  return { kind: 'altered', message: `record ${seq} of chain ${chain} ${what}` }
}

/** What is wrong with a record by itself: with its hash, or with an erasable value that was committed to. */
export function checkRecord(placed: PlacedMembers): readonly Finding[] {
  const isRight = hashInPlace(placed) === placed.hash
  const findings = isRight ? [] : [altered(placed, 'does not have the hash that it states')]
  return isPruned(placed) ? findings : [...findings, ...checkValues(placed)]
}

function checkValues(sealed: SealedMembers): readonly Finding[] {
  const commitments = commitmentsOf(sealed.record)
  return Object.entries(sealed.private)
    .filter(([name, value]) => !(Object.hasOwn(commitments, name) && isCommitted(value, commitments[name])))
    .map(([name]) => altered(sealed, `has another ${name} than it committed to`))
}

/** A guard checks what it records, so a record whose evidence does not verify was not written by one. */
export function checkProof(sealed: SealedMembers, state: EvidenceState): readonly Finding[] {
  return state === 'false' ? [altered(sealed, 'has evidence that does not verify')] : []
}

/** Names of values that were committed to and are gone. */
export function erasedNames(sealed: SealedMembers): readonly string[] {
  return Object.keys(commitmentsOf(sealed.record)).filter((name) => !Object.hasOwn(sealed.private, name))
}
