import { randomBytes } from 'node:crypto'
import type { Transaction } from 'kysely'
import { shortestDuration } from '../narrowing/scopes.ts'
import { OAuthError } from '../oauth-error.ts'
import { requireNotStopped, type StopMark } from '../revocation/token-stops.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type TokenContent, toClaims } from './access-token.ts'
import type { GrantName } from './grant-names.ts'
import { signJwt } from './sign-jwt.ts'
import type { TokenTables } from './token-tables.ts'

/** A token that is to be issued. Times are Unix seconds. */
export interface TokenDraft extends TokenContent {
  readonly grant: GrantName
  /** When what it is issued for ends. */
  readonly endsAt: number
  /** The token that it is exchanged for. */
  readonly parent: { readonly tokenId: string; readonly chainId: string } | undefined
  /** The family of refresh tokens that it comes from. */
  readonly familyId: string | undefined
  /** How far stops had come when the request began. */
  readonly since: StopMark
  /** When another issuer said that the agent may act. Unix seconds; `undefined` where nobody else has to. */
  readonly assertedAt?: number
  /** The shortest of what the services allow. Seconds. */
  readonly maxLifetimeSeconds: number
}

/** A token, signed. */
export interface IssuedToken {
  readonly value: string
  readonly tokenId: string
  readonly chainId: string
  readonly expiresInSeconds: number
}

/** What else is written when a token is: it waits for nothing but its statements. */
type AlsoWrite = (
  tables: Transaction<TokenTables>,
  token: { readonly tokenId: string; readonly chainId: string },
) => Promise<void>

/**
 * Issues a token: its row first, then its record in the audit trail, and only then its signature.
 * @throws OAuthError `invalid_grant` for what has ended or was revoked, `temporarily_unavailable`
 */
export async function issueToken(
  draft: TokenDraft,
  settings: TokenSettings,
  alsoWrite?: AlsoWrite,
): Promise<IssuedToken> {
  const issuedAt = Math.floor(settings.environment.clock.wallMs() / 1000)
  const expiresAt = endOf(draft, issuedAt, settings.lifetimeSeconds)
  const tokenId = `dlg_${randomBytes(16).toString('base64url')}`
  const chainId = draft.parent?.chainId ?? `txn_${randomBytes(16).toString('base64url')}`
  const status = await settings.places.take()
  const place = { issuer: settings.issuer, tokenId, chainId, issuedAt, expiresAt, status }
  const write = async (tables: Transaction<TokenTables>): Promise<void> => {
    const { subject, agentId, since, assertedAt, binding } = draft
    const { thumbprint, clientThumbprint } = binding
    await requireNotStopped(tables, { subject, agentId, since, assertedAt, thumbprint, clientThumbprint })
    await requireLiving(draft.parent?.tokenId, tables)
    await tables.insertInto('tokens').values(rowOf(draft, place)).execute()
    await alsoWrite?.(tables, { tokenId, chainId })
  }
  await settings.tables.transaction(`token-chain:${chainId}`, write, 'together')
  const { grant, agentId, subject, audiences, scopes } = draft
  await settings.events.issued({
    ...{ grant, tokenId, chainId, agentId, subject, audiences, scopes, expiresAt },
    parentId: draft.parent?.tokenId,
  })
  settings.sweeper.countIssued()
  const value = await signJwt(settings.keys, 'at+jwt', toClaims(draft, place))
  return { value, tokenId, chainId, expiresInSeconds: expiresAt - issuedAt }
}

/** Never later than what it is issued for: the subject's token, the agent, the consent, a duration among its scopes. */
function endOf(draft: TokenDraft, issuedAt: number, lifetimeSeconds: number): number {
  const seconds = Math.min(lifetimeSeconds, draft.maxLifetimeSeconds, shortestDuration(draft.scopes))
  const end = Math.floor(Math.min(issuedAt + seconds, draft.endsAt))
  if (end > issuedAt) return end
  throw new OAuthError('invalid_grant', 'what the token would be issued for has ended')
}

/** Holds the parent's row until the end of the transaction: a revocation that comes meanwhile waits, and then finds its child. */
async function requireLiving(tokenId: string | undefined, tables: Transaction<TokenTables>): Promise<void> {
  if (tokenId === undefined) return
  const held = await tables
    .updateTable('tokens')
    .set({ revoked_at: null })
    .where('token_id', '=', tokenId)
    .where('revoked_at', 'is', null)
    .returning('token_id')
    .execute()
  if (held.length === 1) return
  throw new OAuthError('invalid_grant', 'the subject token was revoked')
}

type Place = Parameters<typeof toClaims>[1]

function rowOf(draft: TokenDraft, { tokenId, chainId, issuedAt, expiresAt, status }: Place): TokenTables['tokens'] {
  return {
    token_id: tokenId,
    parent_id: draft.parent?.tokenId ?? null,
    chain_id: chainId,
    grant_type: draft.grant,
    subject: draft.subject,
    agent_id: draft.agentId,
    thumbprint: draft.binding.thumbprint,
    client_thumbprint: draft.binding.clientThumbprint,
    family_id: draft.familyId ?? null,
    scope: draft.scopes.join(' '),
    audience: JSON.stringify(draft.audiences),
    issued_at: issuedAt,
    expires_at: expiresAt,
    list_id: status.listId,
    list_index: status.index,
    revoked_at: null,
  }
}
