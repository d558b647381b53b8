/** What a request for a token is granted by. */
export type GrantName = 'client_credentials' | 'token_exchange' | 'jwt_bearer' | 'refresh_token' | 'authorization_code'

/** What is asked of the endpoints of this room. */
export type TokenOperation = GrantName | 'introspection' | 'revocation' | 'unknown'

/** Every grant, for the labels of metrics. */
export const GRANT_NAMES: readonly GrantName[] = [
  ...(['client_credentials', 'token_exchange', 'jwt_bearer', 'refresh_token', 'authorization_code'] as const),
]

/** Every operation, for the labels of metrics. */
export const TOKEN_OPERATIONS: readonly TokenOperation[] = [...GRANT_NAMES, 'introspection', 'revocation', 'unknown']
