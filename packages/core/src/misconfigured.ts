/** Start-up errors. Each has a heading in docs/configuration-errors.md. */
export type MisconfiguredCode =
  | 'ERR_OPTION_UNKNOWN'
  | 'ERR_OPTION_INVALID'
  | 'ERR_OPTION_MISSING'
  | 'ERR_CHECK_ORDER'
  | 'ERR_REPLAY_MISSING'
  | 'ERR_REPLAY_STORE_UNSAFE'
  | 'ERR_STORE_SINGLE_PROCESS'
  | 'ERR_KEY_MATERIAL'
  | 'ERR_INSECURE_HTTP_PARSER'
  | 'ERR_VERIFIER_SELF_TEST'
  | 'ERR_DEPENDENCY_MISSING'

const MISCONFIGURED = Symbol.for('countermark.misconfigured')

/** The programmer's fault, thrown while the application starts. The message ends with the fix. */
export class Misconfigured extends TypeError {
  /** Tells this error apart; `isMisconfigured` does so across copies of the package. */
  override readonly name = 'Misconfigured'
  /** What is wrong, as a closed word: each has a heading in docs/configuration-errors.md. */
  readonly code: MisconfiguredCode
  /** Where the docs say more, from the folder of an application that installed us. */
  readonly docs: string

  constructor(code: MisconfiguredCode, message: string) {
    super(`${message} [${code}]`)
    this.code = code
    this.docs = `node_modules/@countermark/core/dist/configuration-errors.md#${code.toLowerCase()}`
    Object.defineProperty(this, MISCONFIGURED, { value: true })
  }
}

/** Whether an error is {@link Misconfigured}, also one made by another copy of this package. */
export function isMisconfigured(error: unknown): error is Misconfigured {
  return typeof error === 'object' && error !== null && MISCONFIGURED in error
}

/** What a framework hands to middleware: a message of Node (Express), or a context that holds one (Koa). */
export function isFrameworkCall(first: unknown): boolean {
  if (typeof first !== 'object' || first === null) return false
  return isMessage(first) || ('req' in first && 'res' in first && isMessage(first.req))
}

function isMessage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'rawHeaders' in value && 'headers' in value
}

/** The error for something that a framework called although it is no middleware. */
export function mountedWrongly(what: string, fix: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', `${what} is not middleware by itself; write ${fix}`)
}
