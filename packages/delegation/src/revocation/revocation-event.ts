/** What can be revoked, by the name it has in tokens. Times are Unix seconds. */
export type RevocationName =
  /** One token, and everything that was handed on from it. */
  | { readonly type: 'token'; readonly issuer: string; readonly tokenId: string; readonly expiresAt?: number }
  /** Tokens without an id: those of a subject that were issued at this second. */
  | { readonly type: 'token'; readonly issuer: string; readonly subject: string; readonly issuedAt: number }
  /** An agent, in any place of a chain. */
  | { readonly type: 'agent'; readonly agentId: string; readonly issuedBefore?: number }
  /** A key, by its JWK thumbprint: tokens bound to it and links signed with it. */
  | { readonly type: 'key'; readonly thumbprint: string; readonly issuedBefore?: number }
  /** A chain of exchanges, by the `txn` its tokens share. */
  | { readonly type: 'chain'; readonly issuer: string; readonly transaction: string; readonly issuedBefore?: number }
  /** A user: every token that speaks for them. */
  | { readonly type: 'user'; readonly issuer: string; readonly subject: string; readonly issuedBefore?: number }

/** What a feed of revocations sends. `alive` only shows that it works. */
export type RevocationEvent = RevocationName | { readonly type: 'alive' }

/** The members that name what is revoked, in a fixed order. */
const NAMES: Readonly<Record<RevocationName['type'], readonly string[]>> = {
  token: ['issuer', 'tokenId'],
  agent: ['agentId'],
  key: ['thumbprint'],
  chain: ['issuer', 'transaction'],
  user: ['issuer', 'subject'],
}

/** What can be revoked: a closed set, fit for a metric label. */
export const REVOCATION_TYPES: readonly RevocationName['type'][] = ['token', 'agent', 'key', 'chain', 'user']

const UNNAMED_TOKEN = ['issuer', 'subject', 'issuedAt']
const TIMES = ['expiresAt', 'issuedAt', 'issuedBefore']

/** One text for each thing that can be revoked; two of them never read alike. */
export function revocationKey(event: RevocationName): string {
  const members: Readonly<Record<string, unknown>> = event
  return JSON.stringify([event.type, ...namesOf(event).map((name) => members[name])])
}

/**
 * Refuses what is no event: one that was not understood must not look as if it had been taken over.
 * @throws TypeError
 */
export function requireEvent(event: RevocationEvent): void {
  if (typeof event !== 'object' || event === null) throw invalid()
  if (event.type === 'alive') return
  if (!Object.hasOwn(NAMES, event.type)) throw invalid()
  const members = new Map<string, unknown>(Object.entries(event))
  for (const name of namesOf(event)) {
    const value = members.get(name)
    if (name === 'issuedAt' ? !Number.isFinite(value) : typeof value !== 'string' || value === '') throw invalid()
  }
  for (const name of TIMES) {
    const time = members.get(name)
    if (time !== undefined && !Number.isFinite(time)) throw invalid()
  }
}

function namesOf(event: RevocationName): readonly string[] {
  return event.type === 'token' && !('tokenId' in event) ? UNNAMED_TOKEN : NAMES[event.type]
}

function invalid(): TypeError {
  return new TypeError('expected a revocation of a token, an agent, a key, a chain or a user, by its name')
}
