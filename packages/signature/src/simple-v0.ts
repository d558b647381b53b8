import { type AgentRequest, type Environment, type Measurement, Misconfigured, Refusal } from '@countermark/core'
import { acceptUntil, stateSettings } from '@countermark/core/internal'
import type { Candidate, SignatureScheme } from './signature-scheme.ts'
import { challengeOf } from './simple-challenge.ts'
import { checkLength, readAgentId, readSignature, readTimestamp, withBody } from './simple-fields.ts'
import { buildSimpleV0 } from './simple-message.ts'
import { SIMPLE_SETTINGS, type SimpleSettings } from './simple-settings.ts'

const ROUTE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \/[\x21-\x7e]*$/

const DEPRECATED: Measurement = {
  name: 'deprecated_scheme_requests_total',
  kind: 'counter',
  value: 1,
  labels: { scheme: 'simple-v0' },
}

/**
 * The literal `Ed25519(body + timestamp)` (protocol profile, form C), which covers neither method nor target: on listed
 * routes only, and only with keys that are good for nothing else.
 */
export function createSimpleV0(settings: SimpleSettings, routes: readonly string[]): SignatureScheme {
  const { names } = settings
  const listed = compileRoutes(routes)
  const fields = [names.agentId, names.timestamp, names.signature]
  const isListed = ({ method, target }: AgentRequest): boolean => listed.has(`${method} ${target}`)
  return {
    name: 'simple-v0',
    settings: { ...stateSettings(settings, SIMPLE_SETTINGS), routes },
    isPresented: ({ headers }) =>
      !headers.has(names.version) &&
      headers.has(names.signature) &&
      headers.has(names.timestamp) &&
      !headers.has('signature-input'),
    readCandidates: (request, environment) => {
      if (!isListed(request)) throw new Refusal('scheme_not_allowed', 'this route asks for a signature that covers it')
      environment.report(DEPRECATED)
      return [readCandidate(request, environment, settings)]
    },
    challenge: (context) =>
      isListed(context.request) ? challengeOf(context, { version: '0', fields, nonce: undefined }) : [],
    challengeKind: (request) => String(isListed(request)),
  }
}

function readCandidate(request: AgentRequest, environment: Environment, settings: SimpleSettings): Candidate {
  const { names, maxBodyBytes } = settings
  const { headers, method, target } = request
  const agentId = readAgentId(headers, names.agentId)
  const timestamp = readTimestamp(headers, names.timestamp)
  const signature = readSignature(headers, names.signature, (bytes) => bytes === 64)
  const created = Number(timestamp)
  const end = acceptUntil({ created, expires: undefined }, settings, environment.clock.wallMs())
  checkLength(request.contentLength, maxBodyBytes)
  return {
    scheme: 'simple-v0',
    level: 'signed',
    query: { agentId },
    algorithm: undefined,
    algorithms: settings.algorithms,
    created,
    acceptUntil: end,
    nonce: undefined,
    label: undefined,
    tag: undefined,
    signature,
    base: () => withBody(request, maxBodyBytes, (body) => buildSimpleV0(body, timestamp)),
    // Two routes may rightly get the same body in the same second: their signatures are equal, the requests are not.
    replayIdentity: (base) => Buffer.concat([Buffer.from(`${agentId}${method}${target}`, 'utf8'), base]),
    checkContent: () => undefined,
    covers: (component) => component === 'content-digest' || component === names.timestamp,
  }
}

function compileRoutes(routes: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(routes) || routes.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      "routes must list where version 0 is accepted, such as 'POST /orders'",
    )
  }
  for (const route of routes) {
    if (typeof route === 'string' && ROUTE.test(route)) continue
    throw new Misconfigured('ERR_OPTION_INVALID', "a route is a method and a target as sent, such as 'POST /orders'")
  }
  return new Set(routes)
}
