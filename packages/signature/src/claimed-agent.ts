import { isRefusal, isUnavailable, Refusal } from '@countermark/core'

/**
 * The same refusal with the agent whose key the request names, for metrics and audit. What is not the caller's fault stays as
 * it is.
 */
export function nameClaimedAgent(error: unknown, agentId: string): unknown {
  if (!isRefusal(error) || isUnavailable(error)) return error
  const { code, message, cause, retryAfterSeconds, hints, members, diagnosis } = error
  return new Refusal(code, message, {
    ...{ hints, members, claimedAgent: agentId },
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(diagnosis === undefined ? {} : { diagnosis }),
  })
}
