/** A process warning, as the operator would read it. */
export interface CapturedWarning {
  readonly message: string
  readonly type: string | undefined
  readonly code: string | undefined
}

/** Collects process warnings instead of printing them. Call it inside a `describe`. */
export function useCapturedWarnings(): readonly CapturedWarning[] {
  const captured: CapturedWarning[] = []
  const { emitWarning } = process
  beforeEach(() => {
    captured.length = 0
    process.emitWarning = (warning: string | Error, ...rest: readonly unknown[]): void => {
      const { type, code }: { readonly type?: string; readonly code?: string } = Object(rest[0])
      captured.push({ message: String(warning), type, code })
    }
  })
  afterEach(() => {
    process.emitWarning = emitWarning
  })
  return captured
}
