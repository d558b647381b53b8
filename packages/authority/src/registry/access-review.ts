import { coversScope } from '@countermark/capability'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import type { RegisteredAgent } from './agents.ts'

/** How one scope was used. */
export interface ScopeUse {
  readonly scope: string
  readonly requests: number
  /** ISO 8601. */
  readonly lastAt: string
}

/** What one agent was given, and what it used. */
export interface AgentReview {
  readonly agent: string
  /** For `If-Match`, when the proposal is carried out. */
  readonly revision: number
  readonly granted: readonly string[]
  readonly used: readonly ScopeUse[]
  /** Granted scopes that cover nothing that was used. */
  readonly unused: readonly string[]
  /** What `PATCH /agents/{agent}` would be sent to cut them; `undefined` where everything is used. */
  readonly proposal: { readonly ceiling: readonly string[] } | undefined
}

/** Lines of an audit trail (docs/protocol/audit-record.md) from a moment on, in Unix milliseconds. */
export type ReadDecisions = (sinceMs: number) => AsyncIterable<string> | Iterable<string>

type UsesByAgent = ReadonlyMap<string, ReadonlyMap<string, ScopeUse>>

/** Reads who used what. Lines that are no decision, or older, count for nothing. */
export async function readUses(lines: ReturnType<ReadDecisions>, sinceMs: number): Promise<UsesByAgent> {
  const uses = new Map<string, Map<string, ScopeUse>>()
  const since = new Date(sinceMs).toISOString()
  for await (const line of lines) {
    const decision = readDecision(line)
    if (decision === undefined || decision.at < since) continue
    const own = uses.get(decision.agent) ?? new Map<string, ScopeUse>()
    uses.set(decision.agent, own)
    for (const scope of decision.scopes) {
      const before = own.get(scope)
      const lastAt = before === undefined || before.lastAt < decision.at ? decision.at : before.lastAt
      own.set(scope, { scope, requests: (before?.requests ?? 0) + 1, lastAt })
    }
  }
  return uses
}

interface UsedScopes {
  readonly at: string
  readonly agent: string
  readonly scopes: readonly string[]
}

function readDecision(line: string): UsedScopes | undefined {
  const parsed = tryParse(line)
  const record = memberOf(parsed, 'record') ?? parsed
  if (record === undefined || ownMember(record, 'type') !== 'decision') return undefined
  if (ownMember(record, 'decision') !== 'allow') return undefined
  const agent = textOf(memberOf(record, 'agent'), 'id')
  const at = textOf(record, 'at')
  const scopes = ownMember(memberOf(record, 'action') ?? {}, 'capabilities')
  if (agent === undefined || at === undefined || !Array.isArray(scopes)) return undefined
  return { at, agent, scopes: scopes.filter((scope) => typeof scope === 'string') }
}

function tryParse(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined // a line that was cut counts for nothing
  }
}

function memberOf(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object === undefined ? undefined : ownMember(object, name)
  return isJsonObject(value) ? value : undefined
}

function textOf(object: JsonObject | undefined, name: string): string | undefined {
  const value = object === undefined ? undefined : ownMember(object, name)
  return typeof value === 'string' ? value : undefined
}

/** Compares what an agent was given with what it used. */
export function reviewAgent({ id, revision, ceiling }: RegisteredAgent, uses: UsesByAgent): AgentReview {
  const used = [...(uses.get(id)?.values() ?? [])].sort((a, b) => (a.scope < b.scope ? -1 : 1))
  const unused = ceiling.filter((granted) => !used.some(({ scope }) => coversScope(granted, scope)))
  const kept = ceiling.filter((granted) => !unused.includes(granted))
  const proposal = unused.length === 0 ? undefined : { ceiling: kept }
  return { agent: id, revision, granted: ceiling, used, unused, proposal }
}
