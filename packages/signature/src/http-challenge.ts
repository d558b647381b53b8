import type { HeaderField, RefusalCode } from '@countermark/core'
import { type ChallengeContext, rowOf } from '@countermark/core/internal'
import { createAcceptSignature } from './accept-signature.ts'
import { WANT_CONTENT_DIGEST } from './content-digest.ts'
import type { HttpSignatureSettings } from './http-signature-settings.ts'

/** Tells a refused caller what to sign next time (RFC 9421 section 5, RFC 9530 section 4, draft Signature-Key). */
export function writeHttpChallenge(context: ChallengeContext, settings: HttpSignatureSettings): readonly HeaderField[] {
  const { refusal, request } = context
  // Codes of checks that are not ours say nothing about signatures.
  const row = rowOf(refusal.code)
  if (row === undefined) return []
  const components = settings.coverageFor(request, settings.tag).componentsFor(request)
  const fields: HeaderField[] = []
  if (row.status === 401) fields.push(['WWW-Authenticate', `Signature realm="${request.authority}"`])
  if (row.signatureError !== undefined) {
    fields.push(['Signature-Error', signatureError(row.signatureError, refusal.code, components, settings)])
  }
  if (row.retry === 'resign') fields.push(['Accept-Signature', acceptSignature(context, components, settings)])
  if (request.hasBody && (row.retry === 'resign' || refusal.code === 'digest_mismatch')) {
    fields.push(['Want-Content-Digest', WANT_CONTENT_DIGEST])
  }
  return fields
}

function acceptSignature(
  { nonce }: ChallengeContext,
  components: readonly string[],
  { expires, tag }: HttpSignatureSettings,
): string {
  return createAcceptSignature({
    label: 'sig1',
    components,
    created: true,
    expires: expires === 'required',
    ...(nonce === undefined ? {} : { nonce }),
    ...(tag === undefined ? {} : { tag }),
  })
}

function signatureError(
  error: string,
  code: RefusalCode,
  components: readonly string[],
  { algorithms }: HttpSignatureSettings,
): string {
  if (code === 'coverage_insufficient') return `error=${error}, required_input=${strings(components)}`
  if (code === 'algorithm_not_allowed') return `error=${error}, supported_algorithms=${strings(algorithms)}`
  return `error=${error}`
}

/** Components with parameters are written as strings of their own: the list names them, it covers nothing. */
function strings(values: readonly string[]): string {
  return `(${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(' ')})`
}
