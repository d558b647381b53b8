import { type AgentRecord, isAgentId } from '@countermark/core'
import { isJsonObject, isOptionalText, type JsonObject, ownMember } from './own-member.ts'

const MAX_CAPABILITIES = 256

/** Reads an agent out of a registry document, frozen; `undefined` when it is none. Its keys are read elsewhere. */
export function parseAgentRecord(entry: JsonObject): AgentRecord | undefined {
  const id = ownMember(entry, 'id') ?? ownMember(entry, 'agent_id')
  if (typeof id !== 'string' || !isAgentId(id)) return undefined
  const [type, version, owner] = ['type', 'version', 'owner'].map((name) => ownMember(entry, name))
  if (!isOptionalText(type) || !isOptionalText(version) || !isOptionalText(owner)) return undefined
  const capabilities = ownMember(entry, 'capabilities')
  if (!isOptionalTextList(capabilities)) return undefined
  const constraints = ownMember(entry, 'constraints')
  if (constraints !== undefined && !isJsonObject(constraints)) return undefined
  const state = ownMember(entry, 'state') ?? 'active'
  if (!isAgentState(state)) return undefined
  return Object.freeze({
    id,
    state,
    ...(type === undefined ? {} : { type }),
    ...(version === undefined ? {} : { version }),
    ...(owner === undefined ? {} : { owner }),
    ...(capabilities === undefined ? {} : { capabilities: Object.freeze([...capabilities]) }),
    ...(constraints === undefined ? {} : { constraints: Object.freeze({ ...constraints }) }),
  })
}

function isAgentState(value: unknown): value is AgentRecord['state'] {
  return value === 'active' || value === 'suspended' || value === 'retired'
}

function isOptionalTextList(value: unknown): value is readonly string[] | undefined {
  if (value === undefined) return true
  if (!Array.isArray(value) || value.length > MAX_CAPABILITIES) return false
  return value.every((member) => typeof member === 'string' && isOptionalText(member))
}
