import type { Environment } from '../environment.ts'
import { isThenable } from '../internal/then.ts'
import type { AgentKey, AgentRecord } from '../keys/key.ts'
import type { MetricRow } from './metric-row.ts'

/** Asks for the keys of an agent, a key by its id, or both at once: then both must match. */
export interface KeyQuery {
  /** The agent that the request names. */
  readonly agentId?: string
  /** The name of the key, or its thumbprint. */
  readonly keyId?: string
  /**
   * Whether what was signed names the agent: then that agent's key counts, even if another agent lists the same public key.
   * Without it, a key that several agents list counts for none of them. @default false
   */
  readonly isAgentCovered?: boolean
}

/** Asks what is known of an agent. */
export interface AgentQuery {
  /** The agent to look up. */
  readonly agentId: string
  /**
   * Where unknown agents are accepted: an agent that was unknown a while ago still counts as unknown, without waiting, and is
   * asked about behind the caller. @default false
   */
  readonly acceptsOldAbsence?: boolean
}

/** On whose behalf a source is asked: look-ups that come to nothing are counted by where they come from. */
export interface KeyCaller {
  readonly remoteAddress: string | undefined
}

/** What a revocation was about. */
/** The agent whose keys they are. */
export type RevokedKeys = { readonly agentId: string } | { readonly thumbprint: string }

/** Where keys come from. Answers at once when it can. */
export interface KeySource {
  /** A closed word for metrics, such as `static`, `jwks` or `registry`. */
  readonly name: string
  /**
   * The keys that match, in the order to try them; empty when the source knows that there are none.
   * @throws Unavailable `key_source_unavailable` when the source cannot tell
   */
  readonly findKeys: (
    query: KeyQuery,
    environment: Environment,
    caller?: KeyCaller,
  ) => readonly AgentKey[] | Promise<readonly AgentKey[]>
  /**
   * What is known of an agent, whether or not it has a key that can be used; `undefined` when the source knows of none.
   * @default the agent of its first key
   * @throws Unavailable `key_source_unavailable` when the source cannot tell
   */
  readonly findAgent?: (
    query: AgentQuery,
    environment: Environment,
    caller?: KeyCaller,
  ) => AgentRecord | undefined | Promise<AgentRecord | undefined>
  /** Forgets what it remembers of a key or an agent that was revoked, at once: the next request asks anew. @default nothing */
  readonly forget?: (revoked: RevokedKeys) => void
  /** What it reports. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** Stops timers and watchers. */
  readonly close?: () => void | Promise<void>
}

/**
 * What a source knows of an agent, also a source that tells keys alone.
 * @throws Unavailable `key_source_unavailable` when the source cannot tell
 */
export function findAgentRecord(
  source: KeySource,
  query: AgentQuery,
  environment: Environment,
  caller?: KeyCaller,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  if (source.findAgent !== undefined) return source.findAgent(query, environment, caller)
  const keys = source.findKeys({ agentId: query.agentId }, environment, caller)
  return isThenable(keys) ? keys.then((found) => found[0]?.agent) : keys[0]?.agent
}
