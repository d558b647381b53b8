import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGuardSettings } from '@countermark/core'
import { createNodeRequests } from '@countermark/core/node'
import { createConsentRoutes } from './consent/consent-routes.ts'
import type { ConsentTables } from './consent/consent-tables.ts'
import { errorAnswer, writeAnswer } from './http/answer.ts'
import { createTokenRoutes } from './http/token-routes.ts'
import type { RevokedEvent } from './issuing/token-events.ts'
import type { TokenTables } from './issuing/token-tables.ts'
import { toAnswerable } from './oauth-error.ts'
import { type RevocationTarget, revokeTokens } from './revocation/revoke-tokens.ts'
import type { UserNames } from './subject-tokens/user-names.ts'
import { readTokenOptions, type TokenServiceOptions } from './token-options.ts'

/** The authority's tokens: endpoints over HTTP, and what the rest of the authority asks of them. */
export interface TokenService {
  /**
   * Answers a request that is for one of the endpoints; `false`, and nothing is done, for every other one.
   * @param originalUrl the target before any mount changed it
   */
  readonly handle: (message: IncomingMessage, response: ServerResponse, originalUrl: string) => Promise<boolean>
  /**
   * Revokes tokens, those that were exchanged for them, and the refresh tokens behind them. Status lists and introspection say so
   * at once.
   * @throws Unavailable `storage_unavailable`, `audit_unavailable`
   */
  readonly revoke: (target: RevocationTarget, why: Pick<RevokedEvent, 'reason' | 'by'>) => Promise<readonly string[]>
  /** What a user is called in tokens of the authority: by the issuer's name for them, behind the issuer's prefix. */
  readonly findUserNames: UserNames['find']
  /** Who the same user is in tokens of the issuers that are trusted. */
  readonly findUsersElsewhere: UserNames['findElsewhere']
  /** Deletes rows of tokens that ended over a day ago, as happens now and then by itself. @returns how many */
  readonly sweep: () => Promise<number>
}

/**
 * Creates the OAuth endpoints of an authority: `/token`, `/introspect`, `/revoke`, `/jwks.json`, `/status/{list}` and its metadata.
 * @throws Misconfigured
 */
export function createTokenService(options: TokenServiceOptions): TokenService {
  const settings = readTokenOptions(options)
  const { origin } = new URL(settings.issuer)
  const toAgentRequest = createNodeRequests(
    createGuardSettings({ origins: [origin], trustedProxies: settings.trustedProxies }),
  )
  const findAnswer = createTokenRoutes(settings)
  const { consent, store } = settings
  const findPage = consent && createConsentRoutes(settings, consent, store.tables<ConsentTables & TokenTables>())
  return {
    handle: async (message, response, originalUrl) => {
      const route = (): { readonly template: undefined; readonly parameters: Record<string, never> } => ({
        template: undefined,
        parameters: {},
      })
      const request = await toAgentRequest({ message, originalUrl, route })
      const answer = findAnswer(request) ?? findPage?.(request)
      if (answer === undefined) return false
      const settled = await answer().catch((error: unknown) => {
        return errorAnswer(toAnswerable(error, settings.onFault), undefined)
      })
      writeAnswer(response, settled, message.method === 'HEAD')
      return true
    },
    revoke: (target, why) => revokeTokens(target, why, settings),
    findUserNames: settings.userNames.find,
    findUsersElsewhere: settings.userNames.findElsewhere,
    sweep: settings.sweeper.sweep,
  }
}
