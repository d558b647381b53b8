/** What stops a command: one sentence, and what to do. Becomes exit code 2. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** Whether an error of Node has this code, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code
}

/** What an error says, or what caused it, where that says more: `fetch` hides the reason there. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const cause = 'cause' in error && error.cause !== undefined ? reasonOf(error.cause) : ''
  return cause !== '' ? cause : 'message' in error ? String(error.message) : String(error)
}
