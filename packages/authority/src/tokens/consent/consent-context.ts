import type { AgentRequest } from '@countermark/core'
import type { StoredTables } from '../../storage/store.ts'
import type { TokenTables } from '../issuing/token-tables.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type Cookies, hashOfSecret } from './browser.ts'
import type { ConsentSettings } from './consent-options.ts'
import type { ConsentTables } from './consent-tables.ts'
import type { SignIn } from './sign-in.ts'

/** What the pages of this room work with. */
export interface ConsentContext {
  readonly settings: TokenSettings
  readonly consent: ConsentSettings
  readonly tables: StoredTables<ConsentTables & TokenTables>
  readonly cookies: Cookies
  readonly signIn: SignIn
}

/** A person who signed in, in this browser. */
export interface Session {
  readonly subject: string
  readonly name: string
  /** The cookie itself: forms are made of it. */
  readonly secret: string
}

/** Who sits at the browser; `undefined` before a sign-in. */
export async function findSession(
  request: AgentRequest,
  { cookies, tables, settings }: ConsentContext,
): Promise<Session | undefined> {
  const secret = cookies.find(request, 'session')
  if (secret === undefined) return undefined
  const row = await tables.reads
    .selectFrom('consent_sessions')
    .selectAll()
    .where('session_hash', '=', hashOfSecret(secret))
    .where('expires_at', '>', secondsNow(settings))
    .executeTakeFirst()
  return row && { subject: row.subject, name: row.display_name, secret }
}

/** Unix seconds. */
export function secondsNow({ environment }: TokenSettings): number {
  return Math.floor(environment.clock.wallMs() / 1000)
}
