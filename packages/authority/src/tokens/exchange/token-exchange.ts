import type { JsonObject } from '@countermark/core/internal'
import { bindToKey } from '../binding/proof-of-possession.ts'
import type { AgentClient } from '../client-authentication/client.ts'
import { shortestLifetime } from '../client-credentials/client-credentials.ts'
import type { Form } from '../http/form.ts'
import type { TokenCall } from '../http/token-call.ts'
import { issueToken, type TokenDraft } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import { capDepth, type Detail, lowerDepth, mergeDetails, parseDetails, remainingDepth } from '../narrowing/details.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets } from '../narrowing/targets.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import { issueWithRefresh } from '../refresh/refresh.ts'
import { haveActiveAgents } from '../subject-tokens/acting-agents.ts'
import type { SubjectToken } from '../subject-tokens/subject-tokens.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'
import { requireActorToken } from './actor-token.ts'
import { isHolder, nestActor, requireMayAct } from './actors.ts'

const TYPE = 'urn:ietf:params:oauth:token-type:'
const SUBJECT_TYPES = ['access_token', 'id_token', 'jwt'].map((name) => TYPE + name)
const REQUESTED_TYPES = ['access_token', 'jwt'].map((name) => TYPE + name)
/** OpenID Connect Core section 11: asks for a refresh token, and is no scope of a service. */
const OFFLINE = 'offline_access'

/**
 * A token in exchange for another's (RFC 8693): narrowed to what the agent may do, bound to the agent's key, with the agent as
 * the outermost `act`.
 * @throws OAuthError
 */
export async function grantTokenExchange(
  call: TokenCall,
  client: AgentClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const { request, form } = call
  const requestedType = requireTypes(form)
  const subject = await verifySubject(form.require('subject_token'), client.id, settings)
  await requireActorToken(form, client, settings)
  const isNarrowed = isHolder(subject, client, settings.issuer)
  requireMayAct(subject, client, settings)
  if (subject.own !== undefined && !(await haveActiveAgents(subject.claims, settings)))
    throw new OAuthError('invalid_grant', 'an agent that the subject token names is not active')
  const binding = (await settings.possession.findProven(request, client.key.thumbprint)) ?? bindToKey(client.key)
  const asked = parseScopes(form.find('scope'))
  const draft = draftFor({ call, asked, subject, client, settings, isNarrowed })
  const complete = { ...draft, binding }
  if (asked?.includes(OFFLINE) !== true) {
    return toTokenResponse(complete, await issueToken(complete, settings), { issued_token_type: requestedType })
  }
  const { token, refreshToken } = await issueWithRefresh(complete, settings)
  return toTokenResponse(complete, token, { issued_token_type: requestedType, refresh_token: refreshToken })
}

/** @returns the type that is issued */
function requireTypes(form: Form): string {
  if (!SUBJECT_TYPES.includes(form.require('subject_token_type'))) {
    throw new OAuthError('invalid_request', 'subject_token_type must be an access token, an ID token or a JWT')
  }
  const requested = form.find('requested_token_type') ?? `${TYPE}access_token`
  if (REQUESTED_TYPES.includes(requested)) return requested
  throw new OAuthError('invalid_request', 'requested_token_type must be an access token or a JWT')
}

/** RFC 8693 section 2.2.2: a subject token that is not accepted is an invalid request. */
async function verifySubject(text: string, agentId: string, { subjects }: TokenSettings): Promise<SubjectToken> {
  try {
    return await subjects.verifySubject(text, agentId)
  } catch (error) {
    throw toOAuthError(error, 'invalid_request')
  }
}

interface DraftInput {
  readonly call: TokenCall
  readonly asked: readonly string[] | undefined
  readonly subject: SubjectToken
  readonly client: AgentClient
  readonly settings: TokenSettings
  /** The agent exchanges its own token, and hands nothing on. */
  readonly isNarrowed: boolean
}

function draftFor({ call, asked, subject, client, settings, isNarrowed }: DraftInput): Omit<TokenDraft, 'binding'> {
  const { form, since } = call
  const services = findTargets(form, settings.services, subject.own?.audiences ?? subject.within?.resources)
  const wanted = asked?.filter((scope) => scope !== OFFLINE)
  const scopes = narrowScopes(wanted?.length === 0 ? undefined : wanted, {
    ceiling: ceilingOf(client.record),
    subject: subject.scopes,
    services: [...services.map((service) => service.scopes), subject.within?.ceiling],
  })
  const merged = mergeDetails(subject.details, parseDetails(form.find('authorization_details')), scopes)
  return {
    grant: 'token_exchange',
    subject: subject.subject,
    subjectProfile: subject.subjectProfile,
    act: nestActor(subject, client, settings),
    agentId: client.id,
    audiences: services.map(({ audience }) => audience),
    scopes,
    details: subject.own === undefined ? merged : asFarAs(subject.details, merged, isNarrowed),
    limits: isNarrowed ? subject.limits : [...subject.limits, ...limitsOf(client.record)],
    restrictip: subject.claims['restrictip'],
    endsAt: Math.min(subject.expiresAt, client.key.notAfter ?? Number.POSITIVE_INFINITY),
    parent: subject.own,
    since,
    ...(subject.own === undefined ? { assertedAt: subject.token.delegation.issuedAt } : {}),
    familyId: undefined,
    maxLifetimeSeconds: shortestLifetime(services),
  }
}

/** What a token of ours may be handed on, less one where it is; an entry that is asked for does not lengthen it. */
function asFarAs(before: readonly Detail[], merged: readonly Detail[], isNarrowed: boolean): readonly Detail[] {
  const most = remainingDepth(before)
  return isNarrowed ? capDepth(merged, most) : capDepth(lowerDepth(merged), most - 1)
}
