import type { Agent } from '../agent.ts'
import { isAgentFetchError } from '../agent-fetch-error.ts'
import { untilAborted } from '../fetch/limits.ts'
import type { Attempt, Exchange } from '../fetch/send.ts'
import type { AgentToken, TokenRequest } from '../tokens/agent-token.ts'
import { obtainToken } from '../tokens/credentials.ts'
import type { RefusalDocument } from './read-refusal.ts'
import { readTokenChallenge, type TokenChallenge } from './token-challenge.ts'

/**
 * Another try with the nonce that was offered, with another token, or with one that allows more: each at most once, and
 * only if there is something new to send. All of them follow refusals: nothing was done yet.
 */
export async function improveCredentials(
  agent: Agent,
  attempt: Attempt,
  exchange: Exchange,
  refusal: RefusalDocument | undefined,
): Promise<Attempt | undefined> {
  const challenge = readTokenChallenge(exchange.response, refusal)
  if (challenge === undefined) return undefined
  const better = await IMPROVE[challenge.wants](agent, attempt, { ...exchange, challenge })
  // A nonce for the signature may be used up: the next try starts afresh.
  return better === undefined
    ? undefined
    : { ...attempt, ...better, challenge: undefined, hasAnswered: false, delayMs: 0 }
}

interface Refused extends Exchange {
  readonly challenge: TokenChallenge
}

type Better = Partial<Pick<Attempt, 'token' | 'hasGivenNonce' | 'hasReplacedToken' | 'hasSteppedUp'>>
type Improve = (agent: Agent, attempt: Attempt, refused: Refused) => Better | undefined | Promise<Better | undefined>

const IMPROVE: Readonly<Record<TokenChallenge['wants'], Improve>> = {
  nonce: giveNonce,
  another: replaceToken,
  more: stepUp,
}

function giveNonce(
  agent: Agent,
  { request, hasGivenNonce, token }: Attempt,
  { credentials }: Refused,
): Better | undefined {
  const offered = agent.dpop?.nonces.of(request.url.origin)
  if (hasGivenNonce || offered === undefined || offered === credentials.dpopNonce) return undefined
  return { hasGivenNonce: true, token }
}

async function replaceToken(
  agent: Agent,
  attempt: Attempt,
  { credentials: { token } }: Refused,
): Promise<Better | undefined> {
  if (attempt.hasReplacedToken || token === undefined) return undefined
  const { origin } = attempt.request.url
  const scopes = agent.stepUps.of(origin)
  const asked = { origin, refused: token.value, ...(scopes.length === 0 ? {} : { scopes }) }
  const another = await ask(agent, attempt, asked)
  return another === undefined || another.value === token.value ? undefined : { token: another, hasReplacedToken: true }
}

async function stepUp(
  agent: Agent,
  attempt: Attempt,
  { credentials: { token }, challenge }: Refused,
): Promise<Better | undefined> {
  if (challenge.wants !== 'more' || attempt.hasSteppedUp || token === undefined) return undefined
  const { origin } = attempt.request.url
  const { authentication } = challenge
  const scopes = agent.stepUps.with(origin, challenge.scopes, token.scopes ?? [])
  if (scopes === undefined) return undefined
  const asked = { origin, scopes, ...(authentication === undefined ? {} : { authentication }) }
  const wider = await ask(agent, attempt, asked)
  if (wider === undefined || wider.value === token.value) return undefined
  agent.stepUps.remember(origin, scopes)
  return { token: wider, hasSteppedUp: true }
}

/** A source that has no other token leaves the refusal of the service as the answer. */
async function ask(agent: Agent, { request }: Attempt, asked: TokenRequest): Promise<AgentToken | undefined> {
  try {
    return await untilAborted(obtainToken(agent, asked), request.signal)
  } catch (error) {
    if (isAgentFetchError(error) && LEAVES_REFUSAL.has(error.code)) return undefined
    throw error
  }
}

const LEAVES_REFUSAL: ReadonlySet<string> = new Set(['token_refused', 'token_unavailable'])
