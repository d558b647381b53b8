import type { JsonObject } from '@countermark/core/internal'
import { GRANTS } from '../http/token-endpoint.ts'
import { CAPABILITY_TYPE } from '../narrowing/details.ts'
import type { TokenSettings } from '../token-settings.ts'

const ASSERTION_ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'PS512']

/** Required by RFC 8414, and empty where no agent may ask people. */
const WITHOUT_BROWSER = { response_types_supported: [] }

function browserMetadata(issuer: string): JsonObject {
  return {
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  }
}

/** What the authority says of itself (RFC 8414 section 2). */
export function metadataOf({ issuer, possession, services, consent }: TokenSettings): JsonObject {
  const scopes = [...services.values()].flatMap((service) => service.scopes ?? [])
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks.json`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    grant_types_supported: [...GRANTS.keys()].filter((name) => consent !== undefined || name !== 'authorization_code'),
    ...(consent === undefined ? WITHOUT_BROWSER : browserMetadata(issuer)),
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'http_message_signature'],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: ['private_key_jwt', 'http_message_signature'],
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    dpop_signing_alg_values_supported: possession.algorithms,
    authorization_details_types_supported: [CAPABILITY_TYPE],
    ...(scopes.length === 0 ? {} : { scopes_supported: [...new Set(scopes)] }),
  }
}
