import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { GeneratedAgentKey } from '@countermark/client'
import { CommandError, hasCode } from './errors.ts'

/** A key as a registry document has it: docs/protocol/registry-document.md. */
interface KeyEntry {
  readonly id: string
  readonly jwk: object
}

/** An agent as a registry document has it. Members that are not named here stay as they are. */
export interface AgentEntry {
  readonly id: string
  readonly keys: readonly KeyEntry[]
}

/** The entry of an agent with one key. */
export function agentEntry(agent: string, { thumbprint, publicJwk }: GeneratedAgentKey): AgentEntry {
  const { kid: _, use: __, ...jwk } = publicJwk
  return { id: agent, keys: [{ id: thumbprint, jwk }] }
}

/**
 * Adds a key to a file of agents; makes the file, or the agent in it, where it is missing. What `fromFile` reads never is
 * half a file: the new one takes the place of the old one at once.
 * @throws CommandError when the file is no registry document
 */
export function addAgentKey(path: string, agent: string, key: GeneratedAgentKey): void {
  const document = readAgents(path)
  const entry = agentEntry(agent, key)
  const isKnown = document.agents.some(({ id }) => id === agent)
  const agents = isKnown
    ? document.agents.map((each) =>
        each.id === agent ? { ...each, keys: [...(each.keys ?? []), ...entry.keys] } : each,
      )
    : [...document.agents, entry]
  const written = `${path}.${process.pid}.new`
  writeFileSync(written, `${JSON.stringify({ ...document, agents }, undefined, 2)}\n`, { flag: 'wx' })
  renameSync(written, path)
}

interface AgentsDocument {
  readonly agents: readonly AgentEntry[]
}

/**
 * Reads a file of agents; a missing one has none.
 * @throws CommandError
 */
export function readAgents(path: string): AgentsDocument {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { agents: [] }
    throw error
  }
  const document = parse(path, text)
  if (isAgents(document)) return document
  throw new CommandError(`${path} is no list of agents`, 'expected { "agents": [ { "id": …, "keys": [ … ] } ] }')
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(`${path} is no JSON`)
  }
}

function isAgents(document: unknown): document is AgentsDocument {
  if (typeof document !== 'object' || document === null || !('agents' in document)) return false
  const { agents } = document
  return Array.isArray(agents) && agents.every((agent) => typeof agent === 'object' && agent !== null && 'id' in agent)
}

/** The agent whose key this is, by its thumbprint; `undefined` when the file knows none. */
export function findAgentOf(
  path: string,
  thumbprint: string,
  thumbprintOf: (jwk: object) => string,
): string | undefined {
  return readAgents(path).agents.find(({ keys = [] }) =>
    keys.some(({ id, jwk }) => id === thumbprint || (typeof jwk === 'object' && thumbprintOf(jwk) === thumbprint)),
  )?.id
}
