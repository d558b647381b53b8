import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { UserIssuer } from '../../src/tokens/subject-tokens/trusted-issuers.ts'
import { type RunningAuthority, type RunningOptions, startAuthority } from './running-authority.ts'

/** An authority and the provider that its users sign in at. */
export interface AuthorityWithUsers extends RunningAuthority {
  readonly users: TestIssuer
  /** A token of user_17, who lets `agt_buyer` act. */
  readonly userToken: (claims?: Members, header?: Members) => Promise<string>
}

/** Starts both. */
export async function startWithUsers(
  changes: Partial<UserIssuer> = {},
  options: RunningOptions = {},
): Promise<AuthorityWithUsers> {
  const users = await createTestIssuer('EdDSA', 'https://login.example.com')
  const authority = await startAuthority({
    trustedIssuers: { users: [{ ...users.options(), ...changes }] },
    ...options,
  })
  const { issuer, clock } = authority
  return {
    ...authority,
    users,
    userToken: (claims = {}, header = {}) => {
      const now = clock.seconds()
      const usual = { aud: issuer, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
      const may = { may_act: { sub: 'agt_buyer', iss: issuer } }
      return users.mint({ ...usual, ...may, scope: 'orders:read orders:write', ...claims }, header)
    },
  }
}

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** A form that exchanges a token. */
export function exchangeOf(
  subjectToken: string,
  more: Readonly<Record<string, string | readonly string[]>> = {},
): Readonly<Record<string, string | readonly string[]>> {
  return { grant_type: EXCHANGE, subject_token: subjectToken, subject_token_type: ACCESS_TOKEN, ...more }
}
