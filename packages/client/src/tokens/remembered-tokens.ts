import { hash } from 'node:crypto'
import type { Clock } from '@countermark/core'
import type { AgentToken, TokenRequest, TokenSource } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'
import { scopesOf } from './token-answer.ts'
import { askTokenEndpoint } from './token-endpoint.ts'
import type { TokenEndpointRules } from './token-endpoint-options.ts'

/** Tokens by what was asked for; each is asked for once however many want it. */
interface RememberedTokens {
  readonly find: (query: TokenQuery) => Promise<AgentToken>
}

/** Which token is wanted, and how it is had. */
interface TokenQuery {
  readonly name: string
  readonly obtain: () => Promise<AgentToken>
  /** The value of a token that is not taken any more. */
  readonly refused: string | undefined
}

/** How long tokens are kept. */
interface RememberedTokensOptions {
  readonly refreshBeforeSeconds: number
  readonly clock: Clock
}

interface Entry {
  held: { readonly token: AgentToken; readonly dueAt: number; readonly since: number } | undefined
  flight: Promise<AgentToken> | undefined
  failure: { readonly error: unknown; readonly at: number } | undefined
}

const MAX_ENTRIES = 1000
/** A new token is not replaced because a service refuses it: another one would fare no better. Milliseconds. */
const MIN_AGE_MS = 10_000
/** After a failure the source is not asked for as long. Milliseconds. */
const PAUSE_MS = 1000

/**
 * Remembers tokens until shortly before they end. A token that still lives is given at once while its successor is on the
 * way, and goes on being given while there is none.
 */
export function createRememberedTokens(options: RememberedTokensOptions): RememberedTokens {
  const entries = new Map<string, Entry>()
  const { clock } = options
  return {
    find: async ({ name, obtain, refused }) => {
      const entry = touch(entries, name)
      const { held } = entry
      const now = clock.wallMs() / 1000
      if (held === undefined || !(now < (held.token.expiresAt ?? Number.POSITIVE_INFINITY))) {
        return renew(entry, obtain, options)
      }
      if (held.token.value === refused) {
        return clock.monotonicMs() - held.since < MIN_AGE_MS ? held.token : renew(entry, obtain, options)
      }
      // What goes wrong here is told to those who come when there is no token left.
      if (now >= held.dueAt) renew(entry, obtain, options).catch(() => undefined)
      return held.token
    },
  }
}

function touch(entries: Map<string, Entry>, name: string): Entry {
  const entry: Entry = entries.get(name) ?? { held: undefined, flight: undefined, failure: undefined }
  entries.delete(name)
  entries.set(name, entry)
  const [oldest] = entries.keys()
  if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest)
  return entry
}

async function renew(
  entry: Entry,
  obtain: () => Promise<AgentToken>,
  options: RememberedTokensOptions,
): Promise<AgentToken> {
  const { clock } = options
  if (entry.flight !== undefined) return entry.flight
  if (entry.failure !== undefined && clock.monotonicMs() - entry.failure.at < PAUSE_MS) throw entry.failure.error
  entry.flight = obtain()
  try {
    const token = await entry.flight
    entry.held = { token, dueAt: dueAt(token, options), since: clock.monotonicMs() }
    entry.failure = undefined
    return token
  } catch (error) {
    entry.failure = { error, at: clock.monotonicMs() }
    throw error
  } finally {
    entry.flight = undefined
  }
}

/** Before the end, by as much as was asked for, but not in the first half of a short life. */
function dueAt({ expiresAt = Number.POSITIVE_INFINITY }: AgentToken, options: RememberedTokensOptions): number {
  const lifeSeconds = expiresAt - options.clock.wallMs() / 1000
  return expiresAt - Math.min(options.refreshBeforeSeconds, lifeSeconds / 2)
}

/** A source that remembers what it was granted, by what was asked for: the same fields mean the same token. */
export function createGrantSource(
  rules: TokenEndpointRules,
  fieldsFor: (request: TokenRequest) => readonly FormField[] | Promise<readonly FormField[]>,
  ask: (fields: readonly FormField[]) => Promise<AgentToken> = async (fields) =>
    (await askTokenEndpoint(rules, fields)).token,
): TokenSource {
  const remembered = createRememberedTokens(rules)
  return async (request) => {
    const fields = await fieldsFor(request)
    // Fields may hold tokens of others, which are not to be kept as names.
    const name = hash('sha256', JSON.stringify(fields), 'base64url')
    const obtain = async (): Promise<AgentToken> => withScopes(await ask(fields), fields)
    return remembered.find({ name, obtain, refused: request.refused })
  }
}

/** A server that does not say what it granted has granted what it was asked for (RFC 6749 section 5.1). */
function withScopes(token: AgentToken, fields: readonly FormField[]): AgentToken {
  const [, asked] = fields.find(([name]) => name === 'scope') ?? []
  return token.scopes === undefined && asked !== undefined ? { ...token, scopes: scopesOf(asked) } : token
}
