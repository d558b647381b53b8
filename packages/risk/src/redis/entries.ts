import { isJsonObject } from '@countermark/core/internal'
import { countable, type EndedRequest, type Observation } from '../observation.ts'
import type { Review } from '../review/decision.ts'
import { requireReview } from '../review/review.ts'

/** What a log of an agent holds, one line each. */
export type Entry =
  | { readonly kind: 'request'; readonly observation: Observation }
  | { readonly kind: 'end'; readonly ended: EndedRequest }
  | { readonly kind: 'review'; readonly agentId: string; readonly review: Review; readonly atMs: number }

const ENDS: readonly EndedRequest['end'][] = ['served', 'failed', 'refused', 'missing']
const [SAFE, HONEY, REPEATED, HAD_TURN] = [1, 2, 4, 8] as const

/** An entry as text: numbers and two letters of a country; no name of what was called, and no address. */
export function writeEntry(entry: Entry): string {
  if (entry.kind === 'end') {
    const { atMs, end, bytes } = entry.ended
    return JSON.stringify(['e', atMs, ENDS.indexOf(end), bytes ?? -1])
  }
  if (entry.kind === 'review') return JSON.stringify(['r', entry.atMs, entry.review])
  const { observation: seen } = entry
  const flags =
    (seen.isSafe ? SAFE : 0) +
    (seen.isHoney ? HONEY : 0) +
    (seen.isRepeated === true ? REPEATED : 0) +
    (seen.hadTurn === true ? HAD_TURN : 0)
  const { atMs, route, resource, resourceNumber, user, key, capability, amount, prefix = 0, place } = seen
  const names = [route, resource, resourceNumber, user, key, capability, countable(amount), prefix]
  return JSON.stringify(['a', atMs, flags, ...names, place?.asn ?? -1, place?.country ?? ''])
}

/** Reads an entry; `undefined` for what is none, such as one of a later version. */
export function readEntry(agentId: string, text: string): Entry | undefined {
  const value = tryParse(text)
  if (!Array.isArray(value)) return undefined
  const [kind, atMs, ...rest] = value
  if (typeof atMs !== 'number' || !Number.isFinite(atMs)) return undefined
  if (kind === 'a') return readRequest(agentId, atMs, rest)
  if (kind === 'e') return readEnd(agentId, atMs, rest)
  return kind === 'r' ? readReview(agentId, rest[0], atMs) : undefined
}

const NUMBERS = 10

function readRequest(agentId: string, atMs: number, rest: readonly unknown[]): Entry | undefined {
  const numbers = rest.slice(0, NUMBERS).filter((value) => typeof value === 'number' && Number.isFinite(value))
  const country = rest[NUMBERS]
  if (numbers.length !== NUMBERS || typeof country !== 'string') return undefined
  const [flags, route, resource, resourceNumber, user, key, capability, amount, prefix, asn] = numbers as Ten
  const place = { asn: asn < 0 ? undefined : asn, country: country === '' ? undefined : country }
  const is = (flag: number): boolean => (flags & flag) !== 0
  const marks = { isSafe: is(SAFE), isHoney: is(HONEY), isRepeated: is(REPEATED), hadTurn: is(HAD_TURN) }
  const names = { route, resource, resourceNumber, user, key, capability, amount, prefix }
  return { kind: 'request', observation: { agentId, atMs, ...names, ...marks, address: undefined, place } }
}

type Ten = [number, number, number, number, number, number, number, number, number, number]

function readEnd(agentId: string, atMs: number, [at, bytes]: readonly unknown[]): Entry | undefined {
  const end = ENDS[Number(at)]
  if (end === undefined || typeof bytes !== 'number') return undefined
  return { kind: 'end', ended: { agentId, atMs, end, bytes: bytes < 0 ? undefined : bytes } }
}

function readReview(agentId: string, value: unknown, atMs: number): Entry | undefined {
  if (!isJsonObject(value)) return undefined
  try {
    return { kind: 'review', agentId, review: requireReview(value as unknown as Review), atMs }
  } catch {
    // What is no decision decides nothing.
    return undefined
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The caller passes over what is no entry.
    return undefined
  }
}
