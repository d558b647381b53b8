import { hash, randomBytes } from 'node:crypto'
import { canonicalJson, type JsonObject } from '@countermark/core/internal'
import type { Transaction } from 'kysely'
import { bindToKey } from '../binding/proof-of-possession.ts'
import type { AgentClient } from '../client-authentication/client.ts'
import { shortestLifetime } from '../client-credentials/client-credentials.ts'
import type { TokenCall } from '../http/token-call.ts'
import type { Act, TokenContent } from '../issuing/access-token.ts'
import { type IssuedToken, issueToken, type TokenDraft } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import type { RefreshTokenTable, TokenTables } from '../issuing/token-tables.ts'
import { capDepth, type Detail, mergeDetails, parseDetails, remainingDepth } from '../narrowing/details.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets } from '../narrowing/targets.ts'
import { OAuthError } from '../oauth-error.ts'
import { revokeTokens } from '../revocation/revoke-tokens.ts'
import { haveActiveAgents } from '../subject-tokens/acting-agents.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'

/** What a family of refresh tokens may be turned into, again and again. */
interface StoredGrant {
  readonly subject: string
  readonly subjectProfile: TokenContent['subjectProfile']
  readonly act: Act | undefined
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly details: readonly Detail[]
  readonly limits: readonly JsonObject[]
  readonly restrictip: unknown
  readonly parent: TokenDraft['parent']
  readonly maxLifetimeSeconds: number | null
  /** The key that DPoP proofs must be made with; `null`: each request proves the agent itself. */
  readonly jkt: string | null
}

/** An access token and what replaces it. */
export interface RefreshableToken {
  readonly token: IssuedToken
  readonly refreshToken: string
}

/** What must be true when the tokens are written, and is used up by them. Throws to leave everything as it was. */
type Claim = (tables: Transaction<TokenTables>, now: number) => Promise<void>

/** Issues an access token with the first refresh token of a new family. @throws OAuthError */
export async function issueWithRefresh(
  draft: TokenDraft,
  settings: TokenSettings,
  claim: Claim = async () => undefined,
): Promise<RefreshableToken> {
  const familyId = draft.familyId ?? `rtf_${randomBytes(16).toString('base64url')}`
  const now = Math.floor(settings.environment.clock.wallMs() / 1000)
  const endsAt = Math.floor(Math.min(draft.endsAt, now + settings.refreshSeconds))
  return issueNext({ ...draft, familyId }, { familyId, endsAt, claim }, settings)
}

interface Family {
  readonly familyId: string
  readonly endsAt: number
  readonly claim: Claim
}

async function issueNext(
  draft: TokenDraft,
  { familyId, endsAt, claim }: Family,
  settings: TokenSettings,
): Promise<RefreshableToken> {
  const refreshToken = `rt_${randomBytes(32).toString('base64url')}`
  const now = Math.floor(settings.environment.clock.wallMs() / 1000)
  const row: RefreshTokenTable = {
    ...{ token_hash: hashOf(refreshToken), family_id: familyId, agent_id: draft.agentId, subject: draft.subject },
    ...{
      grant_json: JSON.stringify(toStored(draft)),
      issued_at: now,
      expires_at: endsAt,
      used_at: null,
      revoked_at: null,
    },
  }
  const token = await issueToken(draft, settings, async (tables) => {
    await claim(tables, now)
    await tables.insertInto('refresh_tokens').values(row).execute()
  })
  return { token, refreshToken }
}

/** Of many at once one finds it unused; the row tells, not what was read before. */
function claimRefreshToken(tokenHash: string): Claim {
  return async (tables, now) => {
    const claimed = await tables
      .updateTable('refresh_tokens')
      .set({ used_at: now })
      .where('token_hash', '=', tokenHash)
      .where('used_at', 'is', null)
      .where('revoked_at', 'is', null)
      .returning('token_hash')
      .execute()
    if (claimed.length !== 1) throw new RefreshTokenReused()
  }
}

/** Leaves the transaction, so that nothing of it is kept. */
class RefreshTokenReused extends Error {}

/**
 * A new access token, and a new refresh token, for one that counts once (RFC 6749 section 6, RFC 9700 section 4.14.2). One that is
 * used again ends its family: the thief's tokens, and the agent's.
 * @throws OAuthError
 */
export async function grantRefresh(call: TokenCall, client: AgentClient, settings: TokenSettings): Promise<JsonObject> {
  const used = hashOf(call.form.require('refresh_token'))
  const row = await findUsable(used, client, settings)
  const grant: StoredGrant = JSON.parse(row.grant_json)
  if (!(await haveActiveAgents({ act: grant.act }, settings)))
    throw new OAuthError('invalid_grant', 'an agent that handed the token on is not active')
  const binding = await bindAsBefore(call, client, grant, settings)
  const draft = { ...narrow(call, client, grant, settings), binding, familyId: row.family_id, endsAt: row.expires_at }
  try {
    const family = { familyId: row.family_id, endsAt: row.expires_at, claim: claimRefreshToken(used) }
    const next = await issueNext(draft, family, settings)
    return toTokenResponse(draft, next.token, { refresh_token: next.refreshToken })
  } catch (error) {
    if (error instanceof RefreshTokenReused) return endFamily(row, client, settings)
    throw error
  }
}

async function findUsable(tokenHash: string, client: AgentClient, settings: TokenSettings): Promise<RefreshTokenTable> {
  const row = await settings.tables.reads
    .selectFrom('refresh_tokens')
    .selectAll()
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst()
  if (row === undefined || row.agent_id !== client.id) throw invalid('is not known')
  if (row.used_at !== null) return endFamily(row, client, settings)
  if (row.revoked_at !== null) throw invalid('was revoked')
  if (!(settings.environment.clock.wallMs() / 1000 < row.expires_at)) throw invalid('has ended')
  return row
}

async function endFamily(
  { family_id: familyId }: RefreshTokenTable,
  { id }: AgentClient,
  settings: TokenSettings,
): Promise<never> {
  await revokeTokens({ familyId }, { reason: 'refresh_token_reuse', by: id }, settings)
  throw invalid('was used before, and all tokens that came from it are revoked')
}

async function bindAsBefore(
  { request }: TokenCall,
  { key }: AgentClient,
  { jkt }: StoredGrant,
  { possession }: TokenSettings,
): Promise<TokenDraft['binding']> {
  const proven = await possession.findProven(request, key.thumbprint)
  if (jkt !== null && proven?.thumbprint !== jkt)
    throw new OAuthError('invalid_grant', 'the refresh token is bound to another key')
  return proven ?? bindToKey(key)
}

/** The registry may have cut what the agent may do since. */
function narrow(
  { form, since }: TokenCall,
  client: AgentClient,
  grant: StoredGrant,
  { services }: TokenSettings,
): Omit<TokenDraft, 'binding' | 'familyId' | 'endsAt'> {
  const { maxLifetimeSeconds, jkt: _jkt, ...content } = grant
  const found = findTargets(form, services, grant.audiences)
  const scopes = narrowScopes(parseScopes(form.find('scope')), {
    ceiling: ceilingOf(client.record),
    subject: grant.scopes,
    services: found.map((service) => service.scopes),
  })
  const merged = mergeDetails(grant.details, parseDetails(form.find('authorization_details')), scopes)
  return {
    ...content,
    grant: 'refresh_token',
    since,
    agentId: client.id,
    audiences: found.map(({ audience }) => audience),
    scopes,
    details: capDepth(merged, remainingDepth(grant.details)),
    limits: unite(grant.limits, limitsOf(client.record)),
    maxLifetimeSeconds: Math.min(maxLifetimeSeconds ?? Number.POSITIVE_INFINITY, shortestLifetime(found)),
  }
}

/** All must hold: what was said then, and what the registry says now. */
function unite(before: readonly JsonObject[], now: readonly JsonObject[]): readonly JsonObject[] {
  const known = new Set(before.map((entry) => canonicalJson(entry)))
  return [...before, ...now.filter((entry) => !known.has(canonicalJson(entry)))]
}

function toStored(draft: TokenDraft): StoredGrant {
  const { subject, subjectProfile, act, audiences, scopes, details, limits, restrictip, parent, binding } = draft
  return {
    ...{ subject, subjectProfile, act, audiences, scopes, details, limits, restrictip, parent },
    maxLifetimeSeconds: Number.isFinite(draft.maxLifetimeSeconds) ? draft.maxLifetimeSeconds : null,
    jkt: binding.tokenType === 'DPoP' ? binding.thumbprint : null,
  }
}

/** Refresh tokens are random and long: what is stored gives none away. */
export function hashOf(refreshToken: string): string {
  return hash('sha256', refreshToken, 'base64url')
}

function invalid(why: string): OAuthError {
  return new OAuthError('invalid_grant', `the refresh token ${why}`)
}
