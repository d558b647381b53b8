import { AgentFetchError, isAgentFetchError } from '../agent-fetch-error.ts'
import { readAtMost } from '../read-at-most.ts'
import { untilAborted } from '../until-aborted.ts'

/** Members of a JSON object that somebody else wrote. */
export type JsonMembers = Readonly<Record<string, unknown>>

const MAX_BYTES = 65_536

/**
 * Reads an answer of limited size that must be a JSON object and no redirect.
 * @throws AgentFetchError `token_unavailable`
 */
export async function readJsonAnswer(response: Response, noun: string): Promise<JsonMembers> {
  if (response.redirected || (response.status >= 300 && response.status < 400)) {
    throw unavailable(`the ${noun} redirects, which is not followed`)
  }
  const content = await readAtMost(response, MAX_BYTES)
  response.body?.cancel().catch(() => undefined)
  if (content === undefined) throw unavailable(`the ${noun} answers with more than ${MAX_BYTES} bytes`)
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(content))
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // Below. The parser's own words quote the answer.
  }
  throw unavailable(`the ${noun} must answer with a JSON object`)
}

/**
 * Waits for an exchange until a deadline, whatever the `fetch` underneath makes of it.
 * @throws AgentFetchError `token_unavailable`
 */
export async function within<Value>(
  { timeoutMs, signal, noun }: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly noun: string },
  work: Promise<Value>,
): Promise<Value> {
  try {
    return await untilAborted(work, signal)
  } catch (cause) {
    if (isAgentFetchError(cause)) throw cause
    const what = signal.aborted ? `does not answer within ${timeoutMs / 1000} s` : 'cannot be reached'
    throw new AgentFetchError('token_unavailable', `the ${noun} ${what}`, { cause })
  }
}

function unavailable(message: string): AgentFetchError {
  return new AgentFetchError('token_unavailable', message)
}
