import { type AgentRequest, type Environment, isRefusal, Refusal } from '@countermark/core'
import { stateSettings } from '@countermark/core/internal'
import { createComponentLists } from './component-lists.ts'
import { readHttpCandidate } from './http-candidate.ts'
import { writeHttpChallenge } from './http-challenge.ts'
import { describeHttpSignatures } from './http-metadata.ts'
import {
  HTTP_SIGNATURES_OPTIONS,
  type HttpSignaturesOptions,
  httpSignatureSettings,
} from './http-signature-settings.ts'
import { openSignature, readPresentedSignatures } from './presented-signature.ts'
import type { Candidate, SignatureScheme } from './signature-scheme.ts'

/** All of them are verified, since each is worth as much alone: more would only cost time. */
const MAX_CANDIDATES = 2

/**
 * Accepts requests signed by RFC 9421.
 * @example verifySignature({ keys, accept: [httpSignatures({ nonce: 'required', tags: ['agent-auth'] })] })
 * @throws Misconfigured
 */
export function httpSignatures(options: HttpSignaturesOptions = {}): SignatureScheme {
  const settings = httpSignatureSettings(options)
  const findList = createComponentLists()

  const readCandidates = (request: AgentRequest, environment: Environment): readonly Candidate[] => {
    const nowMs = environment.clock.wallMs()
    const all = readPresentedSignatures(request.headers)
    const [lone] = all
    if (all.length === 1 && lone !== undefined && settings.acceptsTag(lone.scanned.parameters.get('tag'))) {
      return [readHttpCandidate(openSignature(lone, findList), request, settings, nowMs)]
    }
    const candidates: Candidate[] = []
    const short: Candidate[] = []
    let first: unknown
    for (const presented of all) {
      if (!settings.acceptsTag(presented.scanned.parameters.get('tag'))) continue
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
    settings: stateSettings(options, HTTP_SIGNATURES_OPTIONS),
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
