import type { AgentRecord } from '@countermark/core'
import { findAgentRecord, isAgentId } from '@countermark/core/internal'
import type { Form } from '../http/form.ts'
import { type Detail, parseDetails } from '../narrowing/details.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets } from '../narrowing/targets.ts'
import { OAuthError } from '../oauth-error.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'
import { type ConsentSettings, isLoopback } from './consent-options.ts'

/** Where the agent is answered. */
export interface ReturnAddress {
  readonly record: AgentRecord
  readonly redirectUri: string
  readonly state: string | undefined
}

/** What an agent asks a person for. */
export interface AskedConsent {
  readonly agentId: string
  readonly redirectUri: string
  readonly state: string | undefined
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly details: readonly Detail[]
  /** PKCE, S256 (RFC 7636). */
  readonly challenge: string
}

/**
 * Finds out whom a request may be answered to. What is wrong before that is shown to the person, and sent nowhere.
 * @throws OAuthError `invalid_request`
 */
export async function findReturnAddress(
  form: Form,
  settings: TokenSettings,
  { redirectUris }: ConsentSettings,
): Promise<ReturnAddress> {
  const agentId = form.require('client_id')
  const redirectUri = form.require('redirect_uri')
  const record = isAgentId(agentId)
    ? await findAgentRecord(settings.agents, { agentId }, settings.environment)
    : undefined
  if (record?.state !== 'active') throw new OAuthError('invalid_request', 'the agent is not known here, or not active')
  if (!(redirectUris.get(agentId) ?? []).some((known) => isSame(known, redirectUri))) {
    throw new OAuthError('invalid_request', 'the agent may not be answered at this address')
  }
  return { record, redirectUri, state: form.find('state') }
}

/** RFC 9700 section 2.1: character by character; of a loopback address the port is the caller's (RFC 8252 section 7.3). */
function isSame(known: string, given: string): boolean {
  if (known === given) return true
  if (!URL.canParse(given) || given.includes('#') || !isLoopback(known) || !isLoopback(given)) return false
  const [one, other] = [new URL(known), new URL(given)]
  return one.hostname === other.hostname && one.pathname === other.pathname && one.search === other.search
}

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

/**
 * Reads what is asked for, as the agent would get it: never more than it may do.
 * @throws OAuthError
 */
export function readAskedConsent(
  form: Form,
  { record, redirectUri, state }: ReturnAddress,
  { services }: TokenSettings,
): AskedConsent {
  if (form.find('response_type') !== 'code') throw new OAuthError('invalid_request', 'response_type must be code')
  if (form.find('request') !== undefined || form.find('request_uri') !== undefined) {
    throw new OAuthError('invalid_request', 'request objects are not taken')
  }
  const challenge = form.find('code_challenge') ?? ''
  if (form.find('code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge)) {
    throw new OAuthError('invalid_request', 'code_challenge of the method S256 is required')
  }
  const found = findTargets(form, services)
  const asked = parseScopes(form.find('scope'))?.filter((scope) => scope !== 'offline_access')
  const bounds = { ceiling: ceilingOf(record), services: found.map(({ scopes }) => scopes) }
  return {
    ...{ agentId: record.id, redirectUri, state, challenge },
    audiences: found.map(({ audience }) => audience),
    scopes: narrowScopes(asked?.length === 0 ? undefined : asked, bounds),
    details: parseDetails(form.find('authorization_details')),
  }
}

/** The address with an answer (RFC 6749 section 4.1.2), and who gives it (RFC 9207). */
export function answerAt(
  redirectUri: string,
  issuer: string,
  values: Readonly<Record<string, string | undefined>>,
): string {
  const url = new URL(redirectUri)
  for (const [name, value] of Object.entries({ ...values, iss: issuer })) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url.href
}
