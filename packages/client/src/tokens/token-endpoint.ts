import { AgentFetchError } from '../agent-fetch-error.ts'
import type { AgentToken } from './agent-token.ts'
import { createClientAssertion, type FormField } from './client-assertion.ts'
import { readTokenAnswer, type TokenAnswer, type TokenGrant, within } from './token-answer.ts'
import type { TokenEndpointRules } from './token-endpoint-options.ts'

/**
 * Asks a token endpoint once (RFC 6749 section 3.2), and again when it wants a nonce in the proof (RFC 9449 section 8).
 * @throws AgentFetchError `token_refused`, `token_unavailable`, `token_unusable`
 */
export async function askTokenEndpoint(rules: TokenEndpointRules, fields: readonly FormField[]): Promise<TokenGrant> {
  const signal = AbortSignal.timeout(rules.timeoutMs)
  const first = await exchange(rules, fields, signal)
  if ('token' in first.answer) return first.answer
  const { nonce, answer } = first
  const isNonceNew = nonce !== rules.prover?.nonces.of(rules.url.origin)
  const second = answer.error === 'use_dpop_nonce' && isNonceNew ? await exchange(rules, fields, signal) : first
  if ('token' in second.answer) return second.answer
  throw new AgentFetchError('token_refused', `the authorization server gives no token: ${second.answer.error}`, {
    oauthError: second.answer.error,
  })
}

interface TokenExchange {
  readonly answer: TokenAnswer
  /** The nonce that was sent. */
  readonly nonce: string | undefined
}

function exchange(
  rules: TokenEndpointRules,
  fields: readonly FormField[],
  signal: AbortSignal,
): Promise<TokenExchange> {
  const { timeoutMs } = rules
  return within({ timeoutMs, signal, noun: 'token endpoint' }, post(rules, fields, signal))
}

async function post(
  rules: TokenEndpointRules,
  fields: readonly FormField[],
  signal: AbortSignal,
): Promise<TokenExchange> {
  const { url, clientId, assertionAudience, signer, prover, clock } = rules
  const nowMs = clock.wallMs()
  const authentication = await createClientAssertion({ clientId, audience: assertionAudience, signer }, nowMs)
  const proof = await prover?.prove({ method: 'POST', url, token: undefined, nowMs })
  const form = new URLSearchParams(
    [...fields, ...authentication].map(([name, value]): [string, string] => [name, value]),
  )
  const response = await rules.fetch.ask(url.href, {
    method: 'POST',
    headers: [
      ['accept', 'application/json'],
      ['content-type', 'application/x-www-form-urlencoded'],
      ...(proof === undefined ? [] : [['dpop', proof.text] satisfies [string, string]]),
    ],
    body: new TextEncoder().encode(form.toString()),
    redirect: 'manual',
    signal,
  })
  prover?.nonces.learn(url.origin, response)
  const scheme: AgentToken['scheme'] = prover === undefined ? 'Bearer' : 'DPoP'
  return { answer: await readTokenAnswer(response, { scheme, nowMs }), nonce: proof?.nonce }
}
