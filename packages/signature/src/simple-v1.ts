import { type AgentRequest, type Environment, Refusal } from '@countermark/core'
import { acceptUntil, type HeaderFields, isKeyId, stateSettings } from '@countermark/core/internal'
import type { Candidate, SignatureScheme } from './signature-scheme.ts'
import { challengeOf } from './simple-challenge.ts'
import { checkLength, isNonce, readAgentId, readOnce, readSignature, readTimestamp, withBody } from './simple-fields.ts'
import { buildSimpleV1 } from './simple-message.ts'
import { SIMPLE_SETTINGS, type SimpleSettings } from './simple-settings.ts'

const COVERED = ['@method', '@authority', '@path', '@query', '@request-target', 'content-digest']

/** The nine-line form (protocol profile, form B). */
export function createSimpleV1(settings: SimpleSettings): SignatureScheme {
  const { names } = settings
  const covered = new Set([...COVERED, names.agentId, names.version, names.timestamp, names.nonce])
  const fields = [names.agentId, names.version, names.timestamp, names.nonce, names.signature]
  return {
    name: 'simple-v1',
    settings: stateSettings(settings, SIMPLE_SETTINGS),
    isPresented: ({ headers }) =>
      headers.has(names.version) && headers.has(names.signature) && !headers.has('signature-input'),
    readCandidates: (request, environment) => [readCandidate(request, environment, settings, covered)],
    metadata: { signature_algorithms: settings.algorithms },
    challenge: (context) => challengeOf(context, { version: '1', fields, nonce: context.nonce }),
    challengeKind: () => '',
  }
}

function readCandidate(
  request: AgentRequest,
  environment: Environment,
  settings: SimpleSettings,
  covered: ReadonlySet<string>,
): Candidate {
  const { headers } = request
  const { agentId, timestamp, nonce, keyId, signature, tokenHeader, token } = readFields(headers, settings)
  const created = Number(timestamp)
  const end = acceptUntil({ created, expires: undefined }, settings, environment.clock.wallMs())
  checkLength(request.contentLength, settings.maxBodyBytes)
  const base = (body: Uint8Array): Uint8Array => {
    const { method, authority, target } = request
    return buildSimpleV1({ method, authority, target, agentId, timestamp, nonce, body, token })
  }
  return {
    scheme: 'simple-v1',
    level: 'signed',
    query: keyId === undefined ? { agentId, isAgentCovered: true } : { agentId, keyId, isAgentCovered: true },
    algorithm: undefined,
    algorithms: settings.algorithms,
    created,
    acceptUntil: end,
    nonce,
    label: undefined,
    tag: undefined,
    signature,
    base: () => withBody(request, settings.maxBodyBytes, base),
    checkContent: () => undefined,
    covers: (component) => component === tokenHeader || covered.has(component),
  }
}

interface Fields {
  readonly agentId: string
  readonly timestamp: string
  readonly nonce: string
  readonly keyId: string | undefined
  readonly signature: Uint8Array
  /** The field whose value is signed as the token. */
  readonly tokenHeader: string
  readonly token: string | undefined
}

function readFields(headers: HeaderFields, { names }: SimpleSettings): Fields {
  requireVersion(headers, names.version)
  const tokenHeader = headers.has('agent-delegation') ? 'agent-delegation' : 'authorization'
  return {
    agentId: readAgentId(headers, names.agentId),
    timestamp: readTimestamp(headers, names.timestamp),
    nonce: readNonce(headers, names.nonce),
    keyId: readKeyId(headers, names.keyId),
    signature: readSignature(headers, names.signature, isSignatureLength),
    tokenHeader,
    token: readOnce(headers, tokenHeader),
  }
}

function requireVersion(headers: HeaderFields, name: string): void {
  if (readOnce(headers, name) !== '1') throw new Refusal('scheme_not_allowed', `${name} must be 1`)
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
