import { createHash } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import { readObligation } from '../answer/read-decision.ts'
import type { PolicyObligation } from '../engines/engine.ts'
import type { CedarError, CedarModule, CedarPolicySet } from './cedar-module.ts'
import type { CedarOptions } from './cedar-options.ts'

/** What the annotations of a policy ask for. */
export interface CedarPolicyNotes {
  /** `@tell("…")`: what the caller may know. */
  readonly tell: string | undefined
  /** `@obligation("approval")`, several parted by commas. */
  readonly obligations: readonly PolicyObligation[]
}

/** Policies that Cedar has read, under a name of their own. */
export interface ReadPolicies {
  /** Under which Cedar keeps policies and schema. */
  readonly name: string
  readonly notes: ReadonlyMap<string, CedarPolicyNotes>
  readonly revision: string
}

let made = 0

/**
 * Reads policies and schema once, and refuses policies that do not fit the schema.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function readPolicies(module: CedarModule, options: CedarOptions): ReadPolicies {
  const { schema } = options
  const policies = policySet(module, options.policies)
  made += 1
  const name = `countermark-${made}`
  requireSuccess('schema', module.preparseSchema(name, schema))
  requireSuccess('policies', module.preparsePolicySet(name, policies))
  const { validationErrors } = requireSuccess('policies', module.validate({ schema, policies }))
  const [first] = validationErrors
  if (first !== undefined) throw invalid(`policy ${first.policyId} does not fit the schema: ${first.error.message}`)
  const texts = Object.entries(policies.staticPolicies)
  const digest = createHash('sha256')
    .update(JSON.stringify([texts, schema]))
    .digest('hex')
    .slice(0, 16)
  const notes = new Map(texts.map(([id, policy]) => [id, notesOf(module, id, policy)]))
  return { name, notes, revision: options.revision ?? digest }
}

/** A policy of a text is called by its `@id`, or by its place. */
function policySet(module: CedarModule, given: CedarOptions['policies']): CedarPolicySet {
  if (typeof given !== 'string') return { staticPolicies: { ...given } }
  const parts = requireSuccess('policies', module.policySetTextToParts(given))
  if (parts.policy_templates.length > 0) throw invalid('policies must have no templates: link them first')
  const named = parts.policies.map((policy, index): [string, string] => [
    annotationsOf(module, policy)['id'] ?? `policy${index}`,
    policy,
  ])
  const policies = Object.fromEntries(named)
  if (Object.keys(policies).length < named.length) throw invalid('two policies have one id')
  return { staticPolicies: policies }
}

function notesOf(module: CedarModule, id: string, policy: string): CedarPolicyNotes {
  const { tell, obligation = '' } = annotationsOf(module, policy)
  const words = (obligation ?? '').split(',').map((word) => word.trim())
  try {
    return { tell: tell ?? undefined, obligations: words.filter((word) => word !== '').map(readObligation) }
  } catch {
    throw invalid(`policy ${id}: @obligation must be approval or read_only`)
  }
}

function annotationsOf(module: CedarModule, policy: string): Readonly<Record<string, string | null>> {
  return requireSuccess('policies', module.policyToJson(policy)).json.annotations ?? {}
}

type Success<Given> = Extract<Given, { readonly type: 'success' }>

/** What Cedar made of it. @throws Misconfigured `ERR_OPTION_INVALID` */
export function requireSuccess<
  Given extends { readonly type: 'success' } | { readonly type: 'failure'; readonly errors: readonly CedarError[] },
>(what: string, answer: Given): Success<Given> {
  if (answer.type === 'failure') throw invalid(`${what} cannot be read: ${answer.errors[0]?.message}`)
  return answer as Success<Given>
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', `cedar: ${message}`)
}
