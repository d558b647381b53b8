import { type AgentRequest, type Environment, isRefusal, type KeyQuery, type Level, Refusal } from '@countermark/core'
import { acceptUntil, isAgentId, isKeyId, isSafeMethod, then } from '@countermark/core/internal'
import type { Candidate, SignatureScheme } from '../signature-scheme.ts'
import { describeHttpSignatures, writeHttpChallenge } from './challenge.ts'
import { type ComponentList, createComponentLists } from './components.ts'
import {
  checkContentDigest,
  type OpenedSignature,
  openSignature,
  type PresentedSignature,
  readPresentedSignatures,
  type SignatureParameters,
  statedAlgorithm,
} from './fields.ts'
import { malformed } from './parse.ts'
import { type HttpSignatureSettings, type HttpSignaturesOptions, readHttpSettings } from './settings.ts'

/** All of them are verified, since each is worth as much alone: more would only cost time. */
const MAX_CANDIDATES = 2

/**
 * Accepts requests signed by RFC 9421.
 * @example verifySignature({ keys, accept: [httpSignatures({ nonce: 'required', tags: ['agent-auth'] })] })
 * @throws Misconfigured
 */
export function httpSignatures(options: HttpSignaturesOptions = {}): SignatureScheme {
  const settings = readHttpSettings(options)
  const findList = createComponentLists()

  const tags: 'any' | readonly unknown[] = settings.tags
  const acceptsTag = ({ scanned }: PresentedSignature): boolean =>
    tags === 'any' || tags.includes(scanned.parameters.get('tag'))
  const readCandidates = (request: AgentRequest, environment: Environment): readonly Candidate[] => {
    const nowMs = environment.clock.wallMs()
    const all = readPresentedSignatures(request.headers)
    const [lone] = all
    if (all.length === 1 && lone !== undefined && acceptsTag(lone)) {
      return [readHttpCandidate(openSignature(lone, findList), request, settings, nowMs)]
    }
    const candidates: Candidate[] = []
    const short: Candidate[] = []
    let first: unknown
    for (const presented of all) {
      if (!acceptsTag(presented)) continue
      try {
        const opened = openSignature(presented, findList)
        const candidate = readHttpCandidate(opened, request, settings, nowMs, 'stated')
        if (candidate.shortfall === undefined) candidates.push(candidate)
        else short.push(candidate)
        first ??= candidate.shortfall
      } catch (error) {
        // One bad signature among several must not spoil the others (RFC 9421 section 7.2.6).
        if (!isRefusal(error)) throw error
        first ??= error
      }
    }
    if (candidates.length > MAX_CANDIDATES || short.length > MAX_CANDIDATES) {
      throw new Refusal('signature_malformed', `at most ${MAX_CANDIDATES} signatures with an accepted tag are accepted`)
    }
    if (candidates.length > 0) return short.length === 0 ? candidates : [...candidates, ...short]
    throw first ?? new Refusal('scheme_not_allowed', 'no signature has an accepted tag')
  }

  return {
    name: 'httpsig',
    settings: settings.description,
    // A lone Signature belongs to the simple forms only when it comes with their Timestamp.
    isPresented: ({ headers }) =>
      headers.has('signature-input') || (headers.has('signature') && !headers.has('timestamp')),
    readCandidates,
    metadata: describeHttpSignatures(settings, options.coverage),
    challenge: (context) => writeHttpChallenge(context, settings),
    challengeKind: (request) =>
      typeof options.coverage === 'function' ? undefined : settings.coverageFor(request, settings.tag).kindOf(request),
  }
}

/**
 * Checks one signature by everything that needs neither key nor body, cheapest first (profile section 16.4, rows 3 and 4).
 * One among several that covers too little is `stated`, not refused: it may hold, and be enough for another request.
 * @throws Refusal
 */
function readHttpCandidate(
  { input, signature }: OpenedSignature,
  request: AgentRequest,
  settings: HttpSignatureSettings,
  nowMs: number,
  shortfall: 'refused' | 'stated' = 'refused',
): Candidate {
  const { list, parameters, label } = input
  const missing = settings.coverageFor(request, parameters.tag).findMissing(request, list)
  const level = levelOf(request, list, parameters.tag, missing)
  const times = requireTimes(parameters, settings, level, nowMs)
  requireNonce(parameters.nonce, request, settings, level)
  if (level === undefined && shortfall === 'refused') throw insufficient(missing)
  const query = requireQuery(parameters.keyid, request, list)
  const algorithm = statedAlgorithm(parameters, settings.algorithms)
  return {
    scheme: 'httpsig',
    level: level ?? 'identified',
    shortfall: level === undefined ? insufficient(missing) : undefined,
    query,
    algorithm,
    algorithms: settings.algorithms,
    ...times,
    nonce: parameters.nonce,
    label,
    tag: parameters.tag,
    parameters: input.all,
    signature,
    base: () => Buffer.from(list.writeBase(request, input.text), 'latin1'),
    checkContent: () => checkContent(request, list),
    covers: list.covers,
  }
}

/** `undefined` when too little is covered for anything. */
function levelOf(
  { headers }: AgentRequest,
  list: ComponentList,
  tag: string | undefined,
  missing: readonly string[],
): Level | undefined {
  if (missing.length === 0) return 'signed'
  if (tag !== 'web-bot-auth') return undefined
  // Web Bot Auth asks for the authority and the sender's own name only: that says who, not what.
  const namesUs = list.covers('@authority') || list.covers('@target-uri')
  const namesItself = list.covers('signature-agent') || list.coversMemberOf('signature-agent')
  return namesUs && (namesItself || !headers.has('signature-agent')) ? 'identified' : undefined
}

function requireTimes(
  { created, expires, tag }: SignatureParameters,
  settings: HttpSignatureSettings,
  level: Level | undefined,
  nowMs: number,
): Pick<Candidate, 'created' | 'acceptUntil'> {
  if (created === undefined) throw malformed('the signature must state created')
  if (expires === undefined && (settings.expires === 'required' || level === 'identified')) {
    throw malformed('the signature must state expires')
  }
  if (expires !== undefined && !(expires - created <= settings.maxLifetimeSeconds)) {
    throw malformed(`expires may be at most ${settings.maxLifetimeSeconds} s after created`)
  }
  const { futureSkewSeconds } = settings
  const toleranceSeconds = level === 'identified' ? settings.identifiedSeconds : settings.toleranceSeconds
  const end = acceptUntil({ created, expires }, { toleranceSeconds, futureSkewSeconds }, nowMs)
  if (tag !== 'web-bot-auth' || expires === undefined) return { created, acceptUntil: end }
  // With a field added that it does not cover, the same signature would identify its sender later: remembered until then.
  return { created, acceptUntil: Math.max(end, Math.min(expires, created + settings.identifiedSeconds)) }
}

const MAX_NONCE_LENGTH = 256

function requireNonce(
  nonce: string | undefined,
  request: AgentRequest,
  settings: HttpSignatureSettings,
  level: Level | undefined,
): void {
  if (nonce !== undefined && nonce.length > MAX_NONCE_LENGTH) {
    throw malformed(`a nonce has at most ${MAX_NONCE_LENGTH} characters`)
  }
  if (nonce !== undefined && nonce !== '') return
  const isSpared =
    settings.nonce === 'optional' || (settings.nonce === 'required-unsafe' && isSafeMethod(request.method))
  if (nonce === undefined && (isSpared || level === 'identified')) return
  throw new Refusal('nonce_missing', 'the signature must state a nonce')
}

function requireQuery(keyId: string | undefined, request: AgentRequest, list: ComponentList): KeyQuery {
  if (keyId === undefined || !isKeyId(keyId)) throw malformed('the signature must state a keyid of 1 to 256 characters')
  if (!request.headers.has('agent-id')) return { keyId }
  const agentId = request.headers.only('agent-id')
  if (agentId === undefined || !isAgentId(agentId)) throw malformed('Agent-ID must name one agent')
  return { keyId, agentId, isAgentCovered: list.covers('agent-id') }
}

/** A covered digest is checked even against no content; an uncovered one can only say that the content is broken. */
function checkContent(request: AgentRequest, list: ComponentList): void | Promise<void> {
  const digests = request.headers.lines('content-digest')
  if (digests.length === 0 || !(request.hasBody || list.covers('content-digest'))) return
  return then(request.body('proven'), (content) => checkContentDigest(digests, content))
}

function insufficient(missing: readonly string[]): Refusal {
  return new Refusal('coverage_insufficient', `the signature must also cover ${missing.join(', ')}`)
}
