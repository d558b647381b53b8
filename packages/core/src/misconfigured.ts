/** Start-up errors. Each has a heading in docs/configuration-errors.md. */
export type MisconfiguredCode =
  | 'ERR_OPTION_UNKNOWN'
  | 'ERR_OPTION_INVALID'
  | 'ERR_OPTION_MISSING'
  | 'ERR_CHECK_ORDER'
  | 'ERR_REPLAY_MISSING'
  | 'ERR_REPLAY_SINGLE_PROCESS'
  | 'ERR_REPLAY_STORE_UNSAFE'
  | 'ERR_STORE_SINGLE_PROCESS'
  | 'ERR_KEY_MATERIAL'
  | 'ERR_INSECURE_HTTP_PARSER'
  | 'ERR_VERIFIER_SELF_TEST'

const MISCONFIGURED = Symbol.for('countermark.misconfigured')

/** The programmer's fault, thrown while the application starts. The message ends with the fix. */
export class Misconfigured extends TypeError {
  override readonly name = 'Misconfigured'
  readonly code: MisconfiguredCode

  constructor(code: MisconfiguredCode, message: string) {
    super(`${message} [${code}]`)
    this.code = code
    Object.defineProperty(this, MISCONFIGURED, { value: true })
  }
}

/** Whether an error is {@link Misconfigured}, also one made by another copy of this package. */
export function isMisconfigured(error: unknown): error is Misconfigured {
  return typeof error === 'object' && error !== null && MISCONFIGURED in error
}
