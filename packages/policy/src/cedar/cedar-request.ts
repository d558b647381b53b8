import type { JsonValue } from '@countermark/core/internal'
import { UnreadableAnswer } from '../answer/read-decision.ts'
import type { JsonRecord, PolicyInput } from '../input/policy-input.ts'
import type { CedarSchemaJson, CedarType, CedarUid } from './cedar-module.ts'
import type { CedarEntity, CedarRequest } from './cedar-options.ts'

/** What a schema declares. */
export interface DeclaredAttributes {
  /** Attributes of an entity type; `undefined` for a type that the schema has not. */
  readonly ofEntity: (type: string) => ReadonlySet<string> | undefined
  /** Attributes of the context of an action. */
  readonly ofAction: (action: CedarUid) => ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** Reads which attributes a schema declares, once for all questions. */
export function readDeclared(schema: CedarSchemaJson): DeclaredAttributes {
  const entities = new Map<string, ReadonlySet<string>>()
  const actions = new Map<string, ReadonlySet<string>>()
  for (const [namespace, { entityTypes = {}, actions: declared = {}, commonTypes = {} }] of Object.entries(schema)) {
    const typed = (name: string): string => (namespace === '' ? name : `${namespace}::${name}`)
    for (const [name, { shape }] of Object.entries(entityTypes)) {
      entities.set(typed(name), attributesOf(shape, commonTypes))
    }
    for (const [name, { appliesTo }] of Object.entries(declared)) {
      actions.set(`${typed('Action')} ${name}`, attributesOf(appliesTo?.context, commonTypes))
    }
  }
  return { ofEntity: (type) => entities.get(type), ofAction: ({ type, id }) => actions.get(`${type} ${id}`) ?? NONE }
}

/** A record, or a common type that names one. */
function attributesOf(
  type: CedarType | undefined,
  commonTypes: Readonly<Record<string, CedarType>>,
  depth = 0,
): ReadonlySet<string> {
  if (type === undefined || depth > MAX_DEPTH) return NONE
  if (type.attributes !== undefined) return new Set(Object.keys(type.attributes))
  const name = type.name ?? type.type
  return attributesOf(Object.hasOwn(commonTypes, name) ? commonTypes[name] : undefined, commonTypes, depth + 1)
}

/** Puts a question for Cedar together: of what is known, what the schema declares. */
export function describeForCedar(
  input: PolicyInput,
  declared: DeclaredAttributes,
  namespace: string | undefined,
): CedarRequest {
  const typed = (type: string): string => (namespace === undefined ? type : `${namespace}::${type}`)
  const { actor, on_behalf_of: user, scope, context } = input
  const { type: kind, id: _, properties, ...known } = actor
  const { type, id, ...about } = input.resource
  const principal = { type: typed(kind === 'agent' ? 'Agent' : capitalised(kind)), id: actor.id }
  const action = { type: typed('Action'), id: input.action }
  const resource = {
    type: typed(typeof type === 'string' ? type : 'Resource'),
    id: typeof id === 'string' ? id : String(about['path'] ?? context['path'] ?? '/'),
  }
  const told = { ...context, scope: [...scope], ...(user === undefined ? {} : { on_behalf_of: user }) }
  return {
    ...{ principal, action, resource },
    context: chosen(told, declared.ofAction(action)),
    entities: [
      entityOf(principal, { ...properties, ...known, scope: [...scope] }, declared),
      entityOf(resource, about, declared),
    ],
  }
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function entityOf(uid: CedarUid, known: JsonRecord, declared: DeclaredAttributes): CedarEntity {
  return { uid, attrs: chosen(known, declared.ofEntity(uid.type) ?? NONE), parents: [] }
}

function chosen(values: JsonRecord, names: ReadonlySet<string>): JsonRecord {
  const entries = Object.entries(values).flatMap(([name, value]) => {
    const known = names.has(name) ? toCedar(value, 0) : undefined
    return known === undefined ? [] : [[name, known] as const]
  })
  return Object.fromEntries(entries)
}

/** By these Cedar reads an entity, or a call, out of JSON: a caller who chooses values must not choose those. */
const ESCAPES = ['__entity', '__extn', '__expr']
const MAX_DEPTH = 8

/** Cedar has no null: it is as if it were not there. A number that Cedar has not must not be: a policy may forbid large ones. */
function toCedar(value: JsonValue, depth: number): JsonValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (value === null) return undefined
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value
    throw new UnreadableAnswer('malformed', 'numbers of Cedar are whole')
  }
  if (depth > MAX_DEPTH) throw new UnreadableAnswer('malformed', `values may be nested ${MAX_DEPTH} deep`)
  if (Array.isArray(value)) return value.map((one) => toCedar(one, depth + 1)).filter((one) => one !== undefined)
  const members = Object.entries(value)
  if (members.some(([name]) => ESCAPES.includes(name))) {
    throw new UnreadableAnswer('malformed', 'a value may not be an escape of Cedar')
  }
  const known = members.map(([name, member]) => [name, toCedar(member, depth + 1)] as const)
  return Object.fromEntries(known.filter(([, member]) => member !== undefined)) as JsonRecord
}
