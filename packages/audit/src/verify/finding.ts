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

/** Something that would not be there if the trail stood as it was written. */
export interface Finding {
  readonly kind: FindingKind
  readonly message: string
}
