import type { IssuerOptions } from '../src/index.ts'
import { createTokenCaller } from './token-call.ts'
import { createTestIssuer, type Members, type TestIssuer } from './token-issuer.ts'

/** An issuer for all tests of a file, and what becomes of its tokens. */
export interface OneIssuer {
  readonly issuer: () => TestIssuer
  readonly codeOf: (token: string, changes?: Partial<IssuerOptions>) => Promise<string>
  readonly codeOfClaims: (claims: Members, changes?: Partial<IssuerOptions>) => Promise<string>
  readonly codeOfHeader: (header: Members) => Promise<string>
}

/** Creates the issuer before the first test. */
export function useOneIssuer(): OneIssuer {
  let created: TestIssuer | undefined
  beforeAll(async () => {
    created = await createTestIssuer()
  })
  const issuer = (): TestIssuer => {
    if (created === undefined) throw new Error('there is no issuer before the tests begin')
    return created
  }
  const codeOf: OneIssuer['codeOf'] = (token, changes = {}) =>
    createTokenCaller([], { issuers: [issuer().options(changes)] }).codeOf({ token })
  return {
    issuer,
    codeOf,
    codeOfClaims: async (claims, changes) => codeOf(await issuer().mint(claims), changes),
    codeOfHeader: async (header) => codeOf(await issuer().mint({}, header)),
  }
}
