import type { ResourceMetadata } from '@countermark/core/internal'
import type { VerifyDelegationOptions } from './delegation-options.ts'
import type { Dpop } from './dpop.ts'

type Described = Pick<VerifyDelegationOptions, 'issuers' | 'token' | 'tokenFrom' | 'clientCertificate'>

/** Which tokens are taken, as members of the service's RFC 9728 document. */
export function describeTokens(
  { issuers, token, tokenFrom, clientCertificate }: Described,
  dpop: Dpop | undefined,
): ResourceMetadata {
  return {
    // RFC 9728 section 2: issuer identifiers as RFC 8414 has them; others have no metadata to be found.
    authorization_servers: issuers.map(({ issuer }) => issuer).filter((issuer) => /^https?:\/\//.test(issuer)),
    bearer_methods_supported: token !== undefined || tokenFrom === 'agent-delegation' ? [] : ['header'],
    // By default a certificate counts where there is one; whether the server asks for one is not known here.
    ...(clientCertificate === undefined ? {} : { tls_client_certificate_bound_access_tokens: true }),
    ...(dpop === undefined ? {} : describeDpop(dpop)),
  }
}

/** Tokens bound to the key of a signature are taken as well, so DPoP is never the only way. */
function describeDpop({ algorithmNames }: Dpop): ResourceMetadata {
  return {
    dpop_signing_alg_values_supported: algorithmNames.split(' '),
    dpop_bound_access_tokens_required: false,
    agent_auth: { schemes: ['dpop'] },
  }
}
