import type { HeaderField, RefusalCode } from '@countermark/core'
import { type ChallengeContext, type ResourceMetadata, rowOf } from '@countermark/core/internal'
import { parseComponentList, writeComponentList } from './components.ts'
import { type CoveragePolicy, SECURITY_FIELDS } from './coverage.ts'
import { DIGEST_ALGORITHMS, scanInputs, textOf, WANT_CONTENT_DIGEST } from './fields.ts'
import { malformed, type ParameterValue, scanSignatureInput } from './parse.ts'
import type { HttpSignatureSettings } from './settings.ts'
import { writeParameters } from './sign.ts'

/** One signature that is asked for (RFC 9421 section 5.1). */
export interface RequestedSignature {
  /** The label to answer under. */
  readonly label: string
  /** Exactly these, in this order. */
  readonly components: readonly string[]
  /** Whether the signer is to state when it signed. */
  readonly created: boolean
  /** Whether the signer is to state when the signature ends. */
  readonly expires: boolean
  /** Values to repeat in the signature. */
  readonly nonce?: string
  /** The key to sign with. @default any */
  readonly keyid?: string
  /** The algorithm to sign with. @default any */
  readonly alg?: string
  /** The tag to sign with. @default any */
  readonly tag?: string
}

/** Writes `Accept-Signature`. @throws Refusal `signature_malformed` */
export function createAcceptSignature(requested: RequestedSignature): string {
  const { label, components, created, expires, ...texts } = requested
  const flags = `${created ? ';created' : ''}${expires ? ';expires' : ''}`
  const member = `${label}=${writeComponentList(components)}${flags}${writeParameters(texts)}`
  if (scanSignatureInput(member, true)?.length !== 1) throw malformed('the label or a component cannot be written')
  return member
}

/**
 * Reads `Accept-Signature`: what the next request, or this response, is to be signed with.
 * @throws Refusal `signature_malformed`
 */
export function parseAcceptSignature(lines: readonly string[]): readonly RequestedSignature[] {
  return scanInputs(lines).map(({ label, list, parameters }) => ({
    label,
    components: parseComponentList(list).map(({ component }) => component),
    // Some servers send a time instead of the bare flag; both ask for one.
    created: parameters.has('created'),
    expires: parameters.has('expires'),
    ...textsOf(parameters),
  }))
}

function textsOf(parameters: ReadonlyMap<string, ParameterValue>): Partial<RequestedSignature> {
  const known = ['nonce', 'keyid', 'alg', 'tag'].filter((name) => parameters.has(name))
  return Object.fromEntries(known.map((name) => [name, textOf(parameters, name)]))
}

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

/** What RFC 9421 signatures must be like here, in the words of the profile (section 16.2). */
export function describeHttpSignatures(
  settings: HttpSignatureSettings,
  coverage: CoveragePolicy | undefined,
): ResourceMetadata {
  const { tags, algorithms, toleranceSeconds, nonce } = settings
  return {
    ...(tags === 'any' ? {} : { tags: tags.filter((tag) => tag !== undefined) }),
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
