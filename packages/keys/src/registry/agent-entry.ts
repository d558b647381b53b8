import type { AgentRecord } from '@countermark/core'
import { isAgentId, isJsonObject, type JsonObject } from '@countermark/core/internal'
import { isOptionalText, ownMember } from '../key-document.ts'

const MAX_CAPABILITIES = 256
/** As JSON. Parsed, small members take many times their length, and the cache holds thousands of agents. */
const MAX_CONSTRAINTS_LENGTH = 8_192

/** An agent out of a registry document. */
export interface ReadAgent {
  readonly record: AgentRecord
  /** Whether something about it cannot be read: it counts as suspended then. Skipped, it would be free of its limits. */
  readonly isMalformed: boolean
}

/** Reads an agent out of a registry document, frozen; `undefined` when it has no name. Its keys are read elsewhere. */
export function parseAgentEntry(entry: JsonObject): ReadAgent | undefined {
  const id = ownMember(entry, 'id') ?? ownMember(entry, 'agent_id')
  if (typeof id !== 'string' || !isAgentId(id)) return undefined
  const record = parseRecord(id, entry)
  return { record: record ?? suspendedAgent(id), isMalformed: record === undefined }
}

/** An agent of which only the name is certain. */
export function suspendedAgent(id: string): AgentRecord {
  return Object.freeze({ id, state: 'suspended' as const })
}

function parseRecord(id: string, entry: JsonObject): AgentRecord | undefined {
  const [type, version, owner] = ['type', 'version', 'owner'].map((name) => ownMember(entry, name))
  if (!isOptionalText(type) || !isOptionalText(version) || !isOptionalText(owner)) return undefined
  const capabilities = ownMember(entry, 'capabilities')
  if (!isOptionalTextList(capabilities)) return undefined
  const constraints = ownMember(entry, 'constraints')
  if (!isOptionalConstraints(constraints)) return undefined
  const state = ownMember(entry, 'state') ?? 'active'
  if (typeof state !== 'string') return undefined
  return Object.freeze({
    id,
    state: toAgentState(state),
    ...(type === undefined ? {} : { type }),
    ...(version === undefined ? {} : { version }),
    ...(owner === undefined ? {} : { owner }),
    ...(capabilities === undefined ? {} : { capabilities: Object.freeze([...capabilities]) }),
    ...(constraints === undefined ? {} : { constraints: Object.freeze({ ...constraints }) }),
  })
}

/** Whatever another word means, it says that the agent is not simply active: skipped as damage, it would stay as it was. */
function toAgentState(state: string): AgentRecord['state'] {
  return state === 'active' || state === 'retired' ? state : 'suspended'
}

function isOptionalConstraints(value: unknown): value is JsonObject | undefined {
  if (value === undefined) return true
  return isJsonObject(value) && JSON.stringify(value).length <= MAX_CONSTRAINTS_LENGTH
}

function isOptionalTextList(value: unknown): value is readonly string[] | undefined {
  if (value === undefined) return true
  if (!Array.isArray(value) || value.length > MAX_CAPABILITIES) return false
  return value.every((member) => typeof member === 'string' && isOptionalText(member))
}
