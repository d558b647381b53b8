import { hash } from 'node:crypto'
import type { JsonObject } from '@countermark/core/internal'
import type { Transaction } from 'kysely'
import { bindToKey } from '../binding/proof-of-possession.ts'
import type { AgentClient } from '../client-authentication/client.ts'
import { shortestLifetime } from '../client-credentials/client-credentials.ts'
import { hashOfSecret } from '../consent/browser.ts'
import type { AuthorizationCodeTable, ConsentTables, DelegationTable } from '../consent/consent-tables.ts'
import type { TokenCall } from '../http/token-call.ts'
import type { TokenDraft } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import type { TokenTables } from '../issuing/token-tables.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes } from '../narrowing/scopes.ts'
import { OAuthError } from '../oauth-error.ts'
import { issueWithRefresh } from '../refresh/refresh.ts'
import { revokeTokens } from '../revocation/revoke-tokens.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/**
 * Tokens for the code that a person's consent left (RFC 6749 section 4.1.3, RFC 7636). A code that is used again ends what it was
 * exchanged for.
 * @throws OAuthError `invalid_grant`, `invalid_request`
 */
export async function grantAuthorizationCode(
  call: TokenCall,
  client: AgentClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const { form, request } = call
  const codeHash = hashOfSecret(form.require('code'))
  const [redirectUri, verifier] = [form.require('redirect_uri'), form.require('code_verifier')]
  const { code, delegation } = await findCode(codeHash, client, settings)
  if (code.used_at !== null) return endDelegation(delegation, client, settings)
  const now = settings.environment.clock.wallMs() / 1000
  const isProven = VERIFIER.test(verifier) && hash('sha256', verifier, 'base64url') === code.challenge
  if (!isProven || redirectUri !== code.redirect_uri || !(now < code.expires_at)) throw invalid()
  const binding = (await settings.possession.findProven(request, client.key.thumbprint)) ?? bindToKey(client.key)
  const draft = { ...draftFor(delegation, client, settings), binding, since: call.since }
  try {
    const { token, refreshToken } = await issueWithRefresh(draft, settings, claimOf(code))
    return toTokenResponse(draft, token, { refresh_token: refreshToken })
  } catch (error) {
    if (error instanceof CodeReused) return endDelegation(delegation, client, settings)
    throw error
  }
}

/** Leaves the transaction, so that nothing of it is kept. */
class CodeReused extends Error {}

interface Found {
  readonly code: AuthorizationCodeTable
  readonly delegation: DelegationTable
}

async function findCode(codeHash: string, { id }: AgentClient, { store }: TokenSettings): Promise<Found> {
  const { reads } = store.tables<ConsentTables>()
  const code = await reads
    .selectFrom('authorization_codes')
    .selectAll()
    .where('code_hash', '=', codeHash)
    .executeTakeFirst()
  if (code === undefined) throw invalid()
  const { delegation_id: delegationId } = code
  const delegation = await reads
    .selectFrom('delegations')
    .selectAll()
    .where('delegation_id', '=', delegationId)
    .executeTakeFirst()
  if (delegation?.agent_id !== id || delegation.stopped_at !== null) throw invalid()
  return { code, delegation }
}

/**
 * Uses the code up in the transaction that writes its tokens: who revokes them finds them. Holds the delegation until then, so that
 * one that is stopped meanwhile gives none, or has them revoked.
 */
function claimOf({ code_hash: codeHash, delegation_id: delegationId }: AuthorizationCodeTable) {
  return async (inside: Transaction<TokenTables>, now: number): Promise<void> => {
    const tables = inside as unknown as Transaction<ConsentTables>
    const held = await tables
      .updateTable('delegations')
      .set({ stopped_at: null })
      .where('delegation_id', '=', delegationId)
      .where('stopped_at', 'is', null)
      .returning('delegation_id')
      .execute()
    if (held.length !== 1) throw invalid()
    const claimed = await tables
      .updateTable('authorization_codes')
      .set({ used_at: now })
      .where('code_hash', '=', codeHash)
      .where('used_at', 'is', null)
      .returning('code_hash')
      .execute()
    if (claimed.length !== 1) throw new CodeReused()
  }
}

/** RFC 6749 section 4.1.2: two hold the code, so that neither is to be trusted with what it gave. */
async function endDelegation(
  { delegation_id: familyId }: DelegationTable,
  { id }: AgentClient,
  settings: TokenSettings,
): Promise<never> {
  await revokeTokens({ familyId }, { reason: 'authorization_code_reuse', by: id }, settings)
  throw invalid()
}

function draftFor(
  delegation: DelegationTable,
  client: AgentClient,
  settings: TokenSettings,
): Omit<TokenDraft, 'binding' | 'since'> {
  const audiences: readonly string[] = JSON.parse(delegation.audience)
  const services = audiences
    .map((audience) => settings.services.get(audience))
    .filter((service) => service !== undefined)
  if (services.length < audiences.length) throw new OAuthError('invalid_target', 'a service is no longer known here')
  return {
    grant: 'authorization_code',
    subject: delegation.subject,
    subjectProfile: 'user',
    act: { sub: client.id, iss: settings.issuer, sub_profile: 'ai_agent' },
    agentId: client.id,
    audiences,
    // The registry may have cut what the agent may do since the person was asked.
    scopes: narrowScopes(undefined, {
      ceiling: ceilingOf(client.record),
      subject: delegation.scope.split(' '),
      services: services.map(({ scopes }) => scopes),
    }),
    details: JSON.parse(delegation.details_json),
    limits: limitsOf(client.record),
    restrictip: undefined,
    endsAt: delegation.ends_at,
    parent: undefined,
    familyId: delegation.delegation_id,
    maxLifetimeSeconds: shortestLifetime(services),
  }
}

function invalid(): OAuthError {
  return new OAuthError('invalid_grant', 'the code is not known, was used, has ended, or belongs to another request')
}
