import { isMisconfigured, isRefusal } from '@countermark/core'
import { AgentFetchError, isAgentFetchError } from './agent-fetch-error.ts'

/** What a caller is told when something could not be signed. A signer's own words may hold anything: they are the cause. */
export function toSigningFailure(what: string, cause: unknown): AgentFetchError {
  if (isAgentFetchError(cause)) return cause
  const reason = isRefusal(cause) || isMisconfigured(cause) ? cause.message : 'the signer failed'
  return new AgentFetchError('signing_failed', `${what} could not be signed: ${reason}`, { cause })
}
