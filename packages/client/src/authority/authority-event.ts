/** What an agent did at its authority by itself, or could not do. */
export type AuthorityEvent =
  /** The first key counts. */
  | { readonly type: 'enrolled'; readonly keyId: string }
  /** An owner has to approve the first key. */
  | { readonly type: 'enrolment_waiting'; readonly keyId: string }
  /** The key is near the age at which it is replaced; `notAfter`, Unix milliseconds, is when it is refused. */
  | { readonly type: 'key_warning'; readonly keyId: string; readonly notAfter: number | undefined }
  /** Another key signs from now on. `ending`: the one before was going to end, by its age, a date or a new version. */
  | {
      readonly type: 'key_rotated'
      readonly keyId: string
      readonly before: string
      readonly reason: 'schedule' | 'ending' | 'asked'
    }
  /** The key could not be looked at or replaced; it is tried again. */
  | { readonly type: 'key_check_failed'; readonly keyId: string; readonly error: unknown }
  /** A person was asked; `approval` names the request at the authority. */
  | { readonly type: 'approval_asked'; readonly approval: string; readonly url: string }
  /** What came of it. `timeout`: nothing, in the time that we wait. */
  | {
      readonly type: 'approval_decided'
      readonly approval: string
      readonly state: 'approved' | 'rejected' | 'expired' | 'timeout'
      readonly reason: string | undefined
    }
  /** A person could not be asked: the service asks elsewhere, or the authority refuses; `code` is its word. */
  | { readonly type: 'approval_failed'; readonly url: string; readonly code: string }
