import { isUnavailable } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'

/** Asks a source. One that cannot tell counts as one that knows nothing, where that is allowed; otherwise it ends the search. */
export function askSource<Value>(
  ask: () => Value | Promise<Value>,
  nothing: Value,
  skips: boolean,
): Value | Promise<Value> {
  const pass = (error: unknown): Value => {
    if (skips && isUnavailable(error)) return nothing
    throw error
  }
  try {
    const answer = ask()
    return skips && isThenable(answer) ? answer.catch(pass) : answer
  } catch (error) {
    // A source may throw or reject; callers see a rejection either way.
    return Promise.reject(error).catch(pass)
  }
}
