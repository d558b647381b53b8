import { Misconfigured, requireKnownOptions } from '@countermark/core'
import { isJsonObject, ownMember } from '@countermark/core/internal'
import { UnreadableAnswer } from '../answer/read-decision.ts'
import type { PolicyEngine } from './engine.ts'
import { createPost, REMOTE_OPTIONS, type RemoteEngineOptions } from './remote.ts'

/** Options of {@link opa}. */
export interface OpaOptions extends RemoteEngineOptions {
  /** The document to ask for, `http://127.0.0.1:8181/v1/data/agent/authz`: one rule, or a package with a rule `allow`. */
  readonly url: string
}

/**
 * Asks an Open Policy Agent by its Data API (`POST /v1/data/…`). A rule that is not defined is no answer: give it a default.
 * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 * @example
 * consultPolicy(opa({ url: 'http://127.0.0.1:8181/v1/data/agent/authz' }))
 */
export function opa(options: OpaOptions): PolicyEngine {
  requireKnownOptions('opa', options, REMOTE_OPTIONS)
  const post = createPost('opa', options)
  const url = new URL(options.url)
  if (!/^\/(?:.*\/)?v1\/data\/./.test(url.pathname)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'opa: url must name a document, such as /v1/data/agent/authz')
  }
  // The revision of the bundles that decided.
  url.searchParams.set('provenance', 'true')
  const place = url.href
  return {
    name: 'opa',
    decide: async (input, { signal }) => {
      const answer = await post(place, { input }, signal)
      if (!Object.hasOwn(answer, 'result')) {
        throw new UnreadableAnswer('undecided', 'the policy has no such rule, or none for this question')
      }
      return withProvenance(answer['result'], answer)
    },
  }
}

/** What OPA says of a decision besides its result. The rule's own words count more. */
function withProvenance(result: unknown, answer: Readonly<Record<string, unknown>>): unknown {
  const revision = revisionIn(answer['provenance'])
  const id = answer['decision_id']
  const told = {
    ...(revision === undefined ? {} : { revision }),
    ...(typeof id === 'string' ? { decision_id: id } : {}),
  }
  if (typeof result === 'boolean') return { ...told, allow: result }
  return isJsonObject(result) ? { ...told, ...result } : result
}

/** `provenance.bundles.NAME.revision`, or `provenance.revision` of older versions. */
function revisionIn(provenance: unknown): string | undefined {
  if (!isJsonObject(provenance)) return undefined
  const bundles = ownMember(provenance, 'bundles')
  if (isJsonObject(bundles)) {
    const revisions = Object.values(bundles).map((bundle) =>
      isJsonObject(bundle) ? ownMember(bundle, 'revision') : undefined,
    )
    const known = revisions.filter((revision) => typeof revision === 'string' && revision !== '')
    if (known.length > 0) return known.join(' ')
  }
  const revision = ownMember(provenance, 'revision')
  return typeof revision === 'string' && revision !== '' ? revision : undefined
}
