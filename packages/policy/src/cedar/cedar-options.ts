import { Misconfigured } from '@countermark/core'
import { callback, custom, isJsonObject, optionTable, text } from '@countermark/core/internal'
import type { JsonRecord, PolicyInput } from '../input/policy-input.ts'
import type { CedarUid } from './cedar-module.ts'

/** An entity with what is known of it. */
export interface CedarEntity {
  /** Its name. */
  readonly uid: CedarUid
  /** What the schema says that it has. */
  readonly attrs: JsonRecord
  /** The groups that it is in. */
  readonly parents: readonly CedarUid[]
}

/** A question as Cedar asks it. */
export interface CedarRequest {
  /** Who acts. */
  readonly principal: CedarUid
  /** What it does. */
  readonly action: CedarUid
  /** To what. */
  readonly resource: CedarUid
  /** What the schema says that the action has. */
  readonly context: JsonRecord
  /** What is known of the two. */
  readonly entities: readonly CedarEntity[]
}

/** Options of {@link cedar}. */
export interface CedarOptions {
  /** The policies: a text, in which `@id("…")` names them, or texts by id. */
  readonly policies: string | Readonly<Record<string, string>>
  /** The schema, as people write it. Policies and questions that do not fit it are refused. */
  readonly schema: string
  /** The namespace of the types: `Shop` for `Shop::Agent`. @default none */
  readonly namespace?: string
  /** More entities, such as groups; one with the name of ours counts in its place. @default none */
  readonly entities?: readonly CedarEntity[] | ((input: PolicyInput) => readonly CedarEntity[])
  /** Puts the question together in your own way. @default `Agent`, the action, the resource, and what the schema declares of them */
  readonly describe?: (input: PolicyInput) => CedarRequest
  /** Names this version of the policies. @default the first digits of their SHA-256 */
  readonly revision?: string
}

const OPTIONS = optionTable('cedar', {
  policies: custom((_, given) => requirePolicies(given)),
  schema: custom((_, given) => {
    if (typeof given === 'string' && given !== '') return given
    throw new Misconfigured('ERR_OPTION_MISSING', 'cedar needs schema: without one a misspelt attribute is no error')
  }),
  namespace: custom((_, given) => {
    if (given === undefined || (typeof given === 'string' && /^\w+(?:::\w+)*$/.test(given))) return given
    throw new Misconfigured('ERR_OPTION_INVALID', 'namespace must be a name such as Shop')
  }),
  entities: custom((_, given) => requireEntities(given)),
  describe: callback<NonNullable<CedarOptions['describe']>>(),
  revision: text(),
})

/**
 * Reads the options of the engine.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function readCedarOptions(options: CedarOptions): CedarOptions {
  const { namespace, entities, describe, revision, ...required } = OPTIONS.read(options)
  return {
    ...required,
    ...(namespace === undefined ? {} : { namespace }),
    ...(entities === undefined ? {} : { entities }),
    ...(describe === undefined ? {} : { describe }),
    ...(revision === undefined ? {} : { revision }),
  }
}

function requirePolicies(given: unknown): CedarOptions['policies'] {
  if (typeof given === 'string' && given.trim() !== '') return given
  if (isJsonObject(given) && Object.keys(given).length > 0) {
    if (Object.values(given).every((policy) => typeof policy === 'string')) return given as Record<string, string>
  }
  throw new Misconfigured('ERR_OPTION_MISSING', 'cedar needs policies: a text, or texts by id')
}

function requireEntities(given: unknown): CedarOptions['entities'] {
  if (given === undefined || typeof given === 'function' || Array.isArray(given))
    return given as CedarOptions['entities']
  throw new Misconfigured('ERR_OPTION_INVALID', 'entities must be a list, or a function that makes one')
}
