import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import { permitsActor } from '@countermark/delegation'
import type { AgentClient } from '../client-authentication/client.ts'
import type { Act } from '../issuing/access-token.ts'
import { remainingDepth } from '../narrowing/details.ts'
import { OAuthError } from '../oauth-error.ts'
import type { SubjectToken } from '../subject-tokens/subject-tokens.ts'
import type { TokenSettings } from '../token-settings.ts'

/** Whether the agent exchanges a token of its own: it acts already, or speaks for itself. */
export function isHolder({ own, claims, subject }: SubjectToken, { id }: AgentClient, issuer: string): boolean {
  if (own === undefined) return false
  const act = ownMember(claims, 'act')
  if (!isJsonObject(act)) return subject === id
  return ownMember(act, 'sub') === id && ownMember(act, 'iss') === issuer
}

/**
 * Refuses an agent that the subject does not let act: a user's token must say so, a token that is handed on must not have come
 * further than it may.
 * @throws OAuthError `actor_unauthorized`, `invalid_request`
 */
export function requireMayAct(subject: SubjectToken, client: AgentClient, settings: TokenSettings): void {
  if (isHolder(subject, client, settings.issuer)) return
  if (subject.own === undefined) requireUsersWord(subject, client, settings)
  else if (!(remainingDepth(subject.details) > 0)) {
    throw new OAuthError('actor_unauthorized', 'the subject token may not be handed on')
  }
}

function requireUsersWord(
  { token, claims, mayAct }: SubjectToken,
  { id }: AgentClient,
  { issuer }: TokenSettings,
): void {
  const stated = ownMember(claims, 'may_act')
  if (stated === undefined && mayAct === 'any-agent') return
  if (permitsActor(claims, { id, issuer })) return
  if (isJsonObject(stated) && isMapped(stated, id, token)) return
  throw new OAuthError('actor_unauthorized', 'the subject does not let this agent act')
}

/** The user's issuer may call the agent by another name. */
function isMapped(stated: JsonObject, agentId: string, { issuer }: SubjectToken['token']): boolean {
  const [id, actorIssuer = issuer.issuer] = ['sub', 'iss'].map((name) => ownMember(stated, name))
  if (typeof id !== 'string' || typeof actorIssuer !== 'string') return false
  return issuer.agentIdOf({ id, issuer: actorIssuer }) === agentId
}

/**
 * The chain of actors with the agent as the outermost (RFC 8693 section 4.1): what was there stays, word for word.
 * `undefined` where the agent acts for itself.
 * @throws OAuthError `invalid_request` for a chain that is too long, or passes one actor twice
 */
export function nestActor(
  subject: SubjectToken,
  client: AgentClient,
  { issuer, maxDepth }: TokenSettings,
): Act | undefined {
  const before = ownMember(subject.claims, 'act')
  if (isHolder(subject, client, issuer)) return before as Act | undefined
  const { actors } = subject.token
  const prior = isJsonObject(before) ? before : undefined
  const known = prior === undefined ? [] : actors.map(({ actor }) => actor.id)
  if (known.length + 1 > maxDepth) throw new OAuthError('invalid_request', `a chain has at most ${maxDepth} actors`)
  if ([...known, subject.subject].includes(client.id))
    throw new OAuthError('invalid_request', 'a chain must not pass one agent twice')
  return { sub: client.id, iss: issuer, sub_profile: 'ai_agent', ...(prior === undefined ? {} : { act: prior }) }
}
