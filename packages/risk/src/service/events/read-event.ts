import type { AgentFact } from '@countermark/core'
import { canonicalAddress, isJsonObject, isSafeMethod, type JsonObject } from '@countermark/core/internal'
import { assessedAs } from '../../assessed-as.ts'
import type { EndedRequest, Observation } from '../../observation.ts'
import { SILENT_CODES } from '../../observe-ends.ts'
import type { RiskRules } from '../../policy/policy.ts'
import { compileSafeRoutes, type IsSafeRoute } from '../../policy/safe-routes.ts'
import { hashText, type PathShape, readPath } from '../../sketch/hash.ts'

/** An event of a guard, as `eventStream` and `auditTrail` of @countermark/audit write it. */
export interface PlacedEvent {
  /** Which stream or chain it belongs to, and its place there. */
  readonly stream: string
  readonly seq: number
  readonly record: JsonObject
  /** Values about people that travel along, where the stream was told to send them. */
  readonly values: JsonObject
}

/** What an event tells of a request. */
export type ReadEvent =
  | { readonly kind: 'request'; readonly id: string; readonly requestId: string; readonly observation: Observation }
  | { readonly kind: 'end'; readonly of: string; readonly atMs: number; readonly status: number }
  /** About nothing that counts: no agent was proven, or it is neither a decision nor its outcome. */
  | { readonly kind: 'other' }

const LONGEST_LINE = 262_144
const OTHER: ReadEvent = { kind: 'other' }

/** Reads one line; `undefined` for what no guard wrote. */
export function parseEvent(line: string): PlacedEvent | undefined {
  if (line.length > LONGEST_LINE) return undefined
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Counted as malformed: a line that was cut off by a crash, or of another program.
    return undefined
  }
  if (!isJsonObject(value)) return undefined
  const { stream = value['chain'], seq, record } = value
  if (typeof stream !== 'string' || stream.length > 256 || !Number.isSafeInteger(seq)) return undefined
  return isJsonObject(record) ? { stream, seq: Number(seq), record, values: valuesOf(value) } : undefined
}

/** A stream carries values as they are, a trail with their salts. */
function valuesOf({ values, private: salted }: JsonObject): JsonObject {
  if (isJsonObject(values)) return values
  if (!isJsonObject(salted)) return {}
  const plain = Object.entries(salted).map(([name, entry]) => [name, isJsonObject(entry) ? entry['value'] : undefined])
  return Object.fromEntries(plain)
}

/** Makes observations of events. */
export function createEventReader(rules: RiskRules): (event: PlacedEvent) => ReadEvent | undefined {
  const isSafeRoute = compileSafeRoutes(rules.safeRoutes)
  const shape: PathShape = { route: 0, resource: 0, resourceNumber: -1 }
  return (event) => {
    const { record } = event
    const atMs = Date.parse(textOf(record['at']))
    if (record['type'] === 'outcome') return readOutcome(record, atMs)
    if (record['type'] !== 'decision') return OTHER
    const [agent, action, resource] = [record['agent'], record['action'], record['resource']]
    if (agent === undefined || SILENT_CODES.has(textOf(record['code']))) return OTHER
    if (!isJsonObject(agent) || !isJsonObject(action) || !isJsonObject(resource)) return undefined
    const [id, method] = [textOf(agent['id']), textOf(action['method'])]
    if (id === '' || method === '' || Number.isNaN(atMs)) return undefined
    const proven = { level: agent['level'] as AgentFact['level'], scheme: agent['scheme'] as AgentFact['scheme'] }
    const agentId = assessedAs({ id, ...proven })
    // What is only said and not proven counts for nothing.
    if (agentId === undefined) return OTHER
    const known = { ...event, agentId, method, key: textOf(agent['thumbprint']), resource }
    const observation = observe({ ...known, scopes: textsOf(action['capabilities']) }, { rules, isSafeRoute, shape })
    return {
      kind: 'request',
      id: textOf(record['id']),
      requestId: textOf(record['requestId']),
      observation: { ...observation, atMs },
    }
  }
}

function readOutcome({ of, status }: JsonObject, atMs: number): ReadEvent | undefined {
  if (typeof of !== 'string' || typeof status !== 'number' || Number.isNaN(atMs)) return undefined
  return { kind: 'end', of, atMs, status }
}

interface Told extends Pick<PlacedEvent, 'record' | 'values'> {
  readonly agentId: string
  readonly method: string
  readonly key: string
  readonly resource: JsonObject
  readonly scopes: readonly string[]
}

interface Means {
  readonly rules: RiskRules
  readonly isSafeRoute: IsSafeRoute
  readonly shape: PathShape
}

function observe(told: Told, { rules, isSafeRoute, shape }: Means): Omit<Observation, 'atMs'> {
  const { record, values, agentId, method, key, resource, scopes } = told
  const target = textOf(values['target'])
  const path = target === '' ? textOf(resource['route']) : (target.split('?', 1)[0] ?? '')
  readPath(method, path, shape)
  const { delegation } = record
  const user = textOf(values['user'])
  const issuer = isJsonObject(delegation) ? textOf(delegation['issuer']) : ''
  const address = textOf(values['address'])
  return {
    agentId,
    isSafe: isSafeMethod(method) || isSafeRoute(method, path),
    ...{ route: shape.route, resource: shape.resource, resourceNumber: shape.resourceNumber },
    user: user === '' ? 0 : hashText(user, hashText(issuer)),
    key: key === '' ? 0 : hashText(key),
    capability: scopes.length === 0 ? 0 : scopes.reduce((hash, scope) => hashText(scope, hash), 1),
    amount: -1,
    // A pseudonym is no address: nothing is known of its network.
    address: canonicalAddress(address) === undefined ? undefined : address,
    isHoney: scopes.some((scope) => rules.honeyScopes.has(scope)),
  }
}

/** How a request ended, by the status that was answered; `undefined` for what says nothing of the agent. */
export function endOfStatus(status: number): EndedRequest['end'] | undefined {
  if (status >= 500) return undefined
  if (status === 401) return 'failed'
  if (status === 403) return 'refused'
  return status === 404 || status === 410 ? 'missing' : 'served'
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
