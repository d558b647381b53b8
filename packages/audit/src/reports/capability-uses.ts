import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'

/** How one scope was used. */
export interface ScopeUse {
  /** As the route asked for it. */
  readonly scope: string
  /** How many requests were allowed by it. */
  readonly requests: number
  /** ISO 8601. */
  readonly lastAt: string
}

/** What agents used, as far as these lines know. */
export interface CapabilityUses {
  /** By the id of the agent; scopes in alphabetical order. */
  readonly byAgent: ReadonlyMap<string, readonly ScopeUse[]>
  /** How many requests were allowed in this time. */
  readonly decisions: number
  /** When the first record of any kind was written, ISO 8601; `undefined` where there is none. */
  readonly firstAt: string | undefined
  /** Lines that are no JSON: cut off, or of something else. What they held is not known. */
  readonly unreadable: number
}

/**
 * Reads from lines of audit trails (docs/protocol/audit-record.md), of any number of doors and in any order, which scopes were
 * used since a moment. Requests that were allowed count, also those whose handler never ran: what looks unused must be unused.
 * Whether the trails are as they were written, `verifyTrail` says.
 * @param sinceMs Unix milliseconds
 */
export async function readCapabilityUses(
  lines: AsyncIterable<string> | Iterable<string>,
  sinceMs: number,
): Promise<CapabilityUses> {
  const uses = new Map<string, Map<string, ScopeUse>>()
  let decisions = 0
  let unreadable = 0
  let firstMs = Number.POSITIVE_INFINITY
  for await (const line of lines) {
    if (line.trim() === '') continue
    const record = readRecord(line)
    if (record === undefined) unreadable += 1
    const atMs = Date.parse(textOf(record, 'at') ?? '')
    if (atMs < firstMs) firstMs = atMs
    const use = atMs >= sinceMs ? readUse(record) : undefined
    if (use === undefined) continue
    decisions += 1
    const own = uses.get(use.agent) ?? new Map<string, ScopeUse>()
    uses.set(use.agent, own)
    for (const scope of use.scopes) own.set(scope, addUse(own.get(scope), scope, new Date(atMs).toISOString()))
  }
  const firstAt = Number.isFinite(firstMs) ? new Date(firstMs).toISOString() : undefined
  return { byAgent: new Map([...uses].map(([agent, own]) => [agent, sorted(own)])), decisions, firstAt, unreadable }
}

function addUse(before: ScopeUse | undefined, scope: string, at: string): ScopeUse {
  const lastAt = before === undefined || before.lastAt < at ? at : before.lastAt
  return { scope, requests: (before?.requests ?? 0) + 1, lastAt }
}

function sorted(uses: ReadonlyMap<string, ScopeUse>): readonly ScopeUse[] {
  return [...uses.values()].sort((a, b) => (a.scope < b.scope ? -1 : 1))
}

/** What was given against what was used. */
export interface GrantReview {
  /** What was given. */
  readonly granted: readonly string[]
  /** What was used of it, or of what was given before. */
  readonly used: readonly ScopeUse[]
  /** Given, and covers nothing that was used. */
  readonly unused: readonly string[]
  /** What would be left; `undefined` where everything is used. */
  readonly proposal: { readonly ceiling: readonly string[] } | undefined
}

/**
 * Compares what one agent was given with what it used.
 * @param covers Whether a scope that was given covers one that was used: `coversScope` of @countermark/capability
 */
export function reviewGrant(
  granted: readonly string[],
  used: readonly ScopeUse[],
  covers: (granted: string, used: string) => boolean,
): GrantReview {
  const unused = granted.filter((each) => !used.some(({ scope }) => covers(each, scope)))
  const kept = granted.filter((each) => !unused.includes(each))
  return { granted, used, unused, proposal: unused.length === 0 ? undefined : { ceiling: kept } }
}

/** A line of a trail holds the record beside what is erasable; one of an event stream is the record. */
function readRecord(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isJsonObject(value) ? (memberOf(value, 'record') ?? value) : undefined
  } catch {
    return undefined
  }
}

function readUse(
  record: JsonObject | undefined,
): { readonly agent: string; readonly scopes: readonly string[] } | undefined {
  if (textOf(record, 'type') !== 'decision' || textOf(record, 'decision') !== 'allow') return undefined
  const agent = textOf(memberOf(record, 'agent'), 'id')
  const action = memberOf(record, 'action')
  const scopes = action === undefined ? undefined : ownMember(action, 'capabilities')
  if (agent === undefined || !Array.isArray(scopes)) return undefined
  return { agent, scopes: scopes.filter((scope) => typeof scope === 'string') }
}

function memberOf(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object === undefined ? undefined : ownMember(object, name)
  return isJsonObject(value) ? value : undefined
}

function textOf(object: JsonObject | undefined, name: string): string | undefined {
  const value = object === undefined ? undefined : ownMember(object, name)
  return typeof value === 'string' ? value : undefined
}
