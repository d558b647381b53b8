import type { Agent } from '../agent.ts'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { OutgoingRequest } from '../fetch/outgoing-request.ts'
import { redirectedRequest } from '../fetch/redirect.ts'
import { isAboutTime, isRepeatable, retryDelayMs } from '../fetch/repetition.ts'
import { type Attempt, type Exchange, firstAttempt } from '../fetch/send.ts'
import { askHuman } from './ask-human.ts'
import { improveCredentials } from './improve-credentials.ts'
import { type RefusalDocument, readRefusal } from './read-refusal.ts'

const WORTH_A_LOOK: ReadonlySet<number> = new Set([202, 401, 403, 429, 503])

/**
 * What to do about a response; `undefined` when it is the caller's.
 * @throws AgentFetchError `redirect_refused`, `origin_not_allowed`, `too_many_redirects`, `request_invalid`
 */
export async function nextAttempt(agent: Agent, attempt: Attempt, exchange: Exchange): Promise<Attempt | undefined> {
  const { response } = exchange
  const redirected = redirectedRequest(attempt.request, response, agent.isAllowedOrigin)
  if (redirected !== undefined) return follow(agent, attempt, redirected)
  if (!WORTH_A_LOOK.has(response.status)) return undefined
  const refusal = await readRefusal(response)
  return (
    (await improveCredentials(agent, attempt, exchange, refusal)) ??
    signAgain(agent, attempt, exchange, refusal) ??
    (await askHuman(agent, attempt, exchange, refusal)) ??
    tryLater(agent, attempt, response, refusal)
  )
}

/** The way to another place counts as one request: a token is asked for no more often because there are more places. */
function follow(agent: Agent, attempt: Attempt, request: OutgoingRequest): Attempt {
  const { redirects, retries, hasReplacedToken, hasSteppedUp, hasAskedHuman } = attempt
  if (redirects < agent.maxRedirects) {
    const asked = { hasReplacedToken, hasSteppedUp, hasAskedHuman }
    return { ...firstAttempt(request), redirects: redirects + 1, retries, ...asked }
  }
  throw new AgentFetchError('too_many_redirects', `at most ${agent.maxRedirects} redirects are followed`)
}

/** Answers a challenge, and corrects the clock, each at most once. Both follow refusals: nothing was done yet. */
function signAgain(
  agent: Agent,
  attempt: Attempt,
  { response, sent }: Exchange,
  refusal: RefusalDocument | undefined,
): Attempt | undefined {
  const { request, hasAnswered, hasCorrectedClock } = attempt
  if (response.status === 503 || refusal?.retry === 'no' || refusal?.retry === 'later') return undefined
  // Our nonces are random: seen before means that this very request was sent by another on the way, which may have been done.
  if (refusal?.code === 'replay_detected' && !isRepeatable(request)) return undefined
  const isTime = isAboutTime(refusal?.code)
  if (isTime && (hasCorrectedClock || !agent.offsets.learn(request.url.origin, response, agent.clock.wallMs()))) {
    return undefined
  }
  const challenge = hasAnswered ? undefined : agent.form.readChallenge(sent.request, response)
  // Signed before the receiver's memory began: a later signature may do where no nonce is offered.
  const isTooEarly = refusal?.code === 'freshness_unproven' && !hasAnswered
  if (!isTime && challenge === undefined && !isTooEarly) return undefined
  return {
    ...attempt,
    challenge,
    hasAnswered: hasAnswered || isTooEarly || challenge !== undefined,
    hasCorrectedClock: hasCorrectedClock || isTime,
    delayMs: 0,
  }
}

function tryLater(
  agent: Agent,
  attempt: Attempt,
  response: Response,
  refusal: RefusalDocument | undefined,
): Attempt | undefined {
  const { request, retries } = attempt
  if (retries >= agent.maxRetries) return undefined
  const nowMs = agent.clock.wallMs() + agent.offsets.offsetMs(request.url.origin)
  const delayMs = retryDelayMs({ request, response, refusal, retries, nowMs, limits: agent })
  if (delayMs === undefined) return undefined
  // The nonce that was answered may be used up: the next try starts afresh.
  return { ...attempt, challenge: undefined, token: undefined, hasAnswered: false, retries: retries + 1, delayMs }
}
