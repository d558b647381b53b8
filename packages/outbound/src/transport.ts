/** An answer whose content has not been read. */
export interface Answer {
  readonly status: number
  /** A header field by lower-case name; several lines are joined by commas. */
  readonly header: (name: string) => string | undefined
  /** The content, content codings undone. Leaving the loop early ends the connection. */
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * Sends one GET, or one POST of a form, and gives the answer as it is, redirects included. Ends what it opened when the
 * signal fires.
 */
export type Transport = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  form?: string,
) => Promise<Answer>
