import { type AgentRequest, type Environment, Misconfigured, Refusal } from '@countermark/core'
import { acceptUntil, describeSettings, type HeaderFields, isKeyId } from '@countermark/core/internal'
import { METRICS } from '../metric-rows.ts'
import type { Candidate, SignatureScheme } from '../signature-scheme.ts'
import {
  buildSimpleV0,
  buildSimpleV1,
  challengeOf,
  checkLength,
  isNonce,
  readAgentId,
  readOnce,
  readSignature,
  readTimestamp,
  withBody,
} from './fields.ts'
import {
  readV0Settings,
  readV1Settings,
  SIMPLE_SETTINGS,
  type SimpleHeadersOptions,
  type SimpleSettings,
} from './settings.ts'

/**
 * Accepts requests signed in the simple form: a few headers that a shell script can write.
 * @example verifySignature({ keys, accept: [httpSignatures(), simpleHeaders({ version: 1 })] })
 * @throws {@link Misconfigured}
 */
export function simpleHeaders(options: SimpleHeadersOptions): SignatureScheme {
  if (options.version === 1) return createSimpleV1(readV1Settings(options))
  if (options.version === 0) return createSimpleV0(readV0Settings(options))
  throw new Misconfigured('ERR_OPTION_INVALID', 'version must be 0 or 1')
}

const COVERED = ['@method', '@authority', '@path', '@query', '@request-target', 'content-digest']

/** The nine-line form (protocol profile, form B). */
function createSimpleV1(settings: SimpleSettings): SignatureScheme {
  const { names } = settings
  const covered = new Set([...COVERED, names.agentId, names.version, names.timestamp, names.nonce])
  const fields = [names.agentId, names.version, names.timestamp, names.nonce, names.signature]
  return {
    name: 'simple-v1',
    settings: describeSettings(settings, SIMPLE_SETTINGS),
    isPresented: ({ headers }) =>
      headers.has(names.version) && headers.has(names.signature) && !headers.has('signature-input'),
    readCandidates: (request, environment) => [readV1(request, environment, settings, covered)],
    metadata: { signature_algorithms: settings.algorithms },
    challenge: (context) => challengeOf(context, '1', fields),
    challengeKind: () => '',
  }
}

function readV1(
  request: AgentRequest,
  environment: Environment,
  settings: SimpleSettings,
  covered: ReadonlySet<string>,
): Candidate {
  const { method, authority, target, headers } = request
  const { names } = settings
  if (readOnce(headers, names.version) !== '1') {
    throw new Refusal('scheme_not_allowed', `${names.version} must be 1`)
  }
  const tokenHeader = headers.has('agent-delegation') ? 'agent-delegation' : 'authorization'
  const agentId = readAgentId(headers, names.agentId)
  const timestamp = readTimestamp(headers, names.timestamp)
  const nonce = readNonce(headers, names.nonce)
  const keyId = readKeyId(headers, names.keyId)
  const signature = readSignature(headers, names.signature, isSignatureLength)
  const token = readOnce(headers, tokenHeader)
  return toCandidate(request, environment, settings, {
    scheme: 'simple-v1',
    query: keyId === undefined ? { agentId, isAgentCovered: true } : { agentId, keyId, isAgentCovered: true },
    timestamp,
    nonce,
    signature,
    build: (body) => buildSimpleV1({ method, authority, target, agentId, timestamp, nonce, body, token }),
    covers: (component) => component === tokenHeader || covered.has(component),
  })
}

const DEPRECATED = METRICS.measure('deprecated_scheme_requests_total', 1, { scheme: 'simple-v0' })

/**
 * The literal `Ed25519(body + timestamp)` (protocol profile, form C), which covers neither method nor target: on listed
 * routes only, and only with keys that are good for nothing else.
 */
function createSimpleV0(settings: ReturnType<typeof readV0Settings>): SignatureScheme {
  const { names, routes } = settings
  const listed = new Set(routes)
  const fields = [names.agentId, names.timestamp, names.signature]
  const isListed = ({ method, target }: AgentRequest): boolean => listed.has(`${method} ${target}`)
  return {
    name: 'simple-v0',
    settings: { ...describeSettings(settings, SIMPLE_SETTINGS), routes },
    isPresented: ({ headers }) =>
      !headers.has(names.version) &&
      headers.has(names.signature) &&
      headers.has(names.timestamp) &&
      !headers.has('signature-input'),
    readCandidates: (request, environment) => {
      if (!isListed(request)) throw new Refusal('scheme_not_allowed', 'this route asks for a signature that covers it')
      environment.report(DEPRECATED)
      return [readV0(request, environment, settings)]
    },
    challenge: (context) => (isListed(context.request) ? challengeOf(context, '0', fields) : []),
    challengeKind: (request) => String(isListed(request)),
  }
}

function readV0(request: AgentRequest, environment: Environment, settings: SimpleSettings): Candidate {
  const { headers, method, target } = request
  const { names } = settings
  const agentId = readAgentId(headers, names.agentId)
  const timestamp = readTimestamp(headers, names.timestamp)
  return toCandidate(request, environment, settings, {
    scheme: 'simple-v0',
    query: { agentId },
    timestamp,
    nonce: undefined,
    signature: readSignature(headers, names.signature, (bytes) => bytes === 64),
    build: (body) => buildSimpleV0(body, timestamp),
    // Two routes may rightly get the same body in the same second: their signatures are equal, the requests are not.
    replayIdentity: (base) => Buffer.concat([Buffer.from(`${agentId}${method}${target}`, 'utf8'), base]),
    covers: (component) => component === 'content-digest' || component === names.timestamp,
  })
}

interface Presented extends Pick<Candidate, 'scheme' | 'query' | 'nonce' | 'signature' | 'replayIdentity' | 'covers'> {
  readonly timestamp: string
  /** The signed bytes. */
  readonly build: (body: Uint8Array) => Uint8Array
}

/** Time and Content-Length are checked before a byte of the body is read. */
function toCandidate(
  request: AgentRequest,
  environment: Environment,
  settings: SimpleSettings,
  presented: Presented,
): Candidate {
  const { maxBodyBytes, algorithms } = settings
  const { scheme, query, timestamp, nonce, signature, build, replayIdentity, covers } = presented
  const created = Number(timestamp)
  const end = acceptUntil({ created, expires: undefined }, settings, environment.clock.wallMs())
  checkLength(request.contentLength, maxBodyBytes)
  return {
    scheme,
    level: 'signed',
    query,
    algorithm: undefined,
    algorithms,
    created,
    acceptUntil: end,
    nonce,
    label: undefined,
    tag: undefined,
    signature,
    base: () => withBody(request, maxBodyBytes, build),
    replayIdentity,
    checkContent: () => undefined,
    covers,
  }
}

function readNonce(headers: HeaderFields, name: string): string {
  const value = readOnce(headers, name)
  if (value === undefined) throw new Refusal('nonce_missing', `${name} is required`)
  if (isNonce(value)) return value
  throw new Refusal('signature_malformed', `${name} must be 1 to 128 letters, digits or . _ ~ + / = : -`)
}

function readKeyId(headers: HeaderFields, name: string): string | undefined {
  const value = readOnce(headers, name)
  if (value === undefined || isKeyId(value)) return value
  throw new Refusal('signature_malformed', `${name} must be 1 to 256 printable characters`)
}

/** Ed25519 and P-256, P-384, or RSA from 2048 to 4096 bits; the key decides which. */
function isSignatureLength(bytes: number): boolean {
  return bytes === 64 || bytes === 96 || (bytes >= 256 && bytes <= 512)
}
