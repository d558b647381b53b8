import type { ResourceMetadata } from '@countermark/core/internal'
import { DIGEST_ALGORITHMS } from './content-digest.ts'
import { type CoveragePolicy, SECURITY_FIELDS } from './coverage.ts'
import type { HttpSignatureSettings } from './http-signature-settings.ts'

/** What RFC 9421 signatures must be like here, in the words of the profile (section 16.2). */
export function describeHttpSignatures(
  settings: HttpSignatureSettings,
  coverage: CoveragePolicy | undefined,
): ResourceMetadata {
  const { tags, algorithms, toleranceSeconds, nonce } = settings
  return {
    ...(tags === undefined ? {} : { tags }),
    signature_algorithms: algorithms,
    ...describeCoverage(coverage ?? {}),
    signature_window: toleranceSeconds,
    nonce,
    content_digest: DIGEST_ALGORITHMS,
  }
}

/** Nothing of a policy that depends on the request: `Accept-Signature` says what that one needs. */
function describeCoverage(policy: CoveragePolicy): ResourceMetadata {
  if (typeof policy === 'function') return {}
  const { also = [], whenPresent = SECURITY_FIELDS, content = 'required' } = policy
  return {
    required_components: ['@method', '@authority', '@path', '@query', ...also],
    additional_signature_components: content === 'required' ? ['content-digest'] : [],
    covered_when_present: whenPresent,
  }
}
