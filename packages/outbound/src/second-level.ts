import { createHash } from 'node:crypto'
import { withinDeadline } from './deadline.ts'

/** A cache that processes share, such as Redis. It may forget or fail at any time; what it says is checked like an answer. */
export interface SecondLevel {
  readonly get: (key: string) => Promise<string | undefined>
  readonly set: (key: string, value: string, ttlMs: number) => Promise<void>
  /** Forgets every document that was shared: for tests. */
  readonly clear?: () => Promise<void>
}

/** A document with the wall-clock time at which it came from its origin. */
export interface StoredDocument {
  readonly fetchedAtMs: number
  readonly freshForSeconds: number | undefined
  readonly text: string
}

const VERSION = 1
/** Longer than any document that may be fetched by default, as a JSON string. */
const MAX_STORED_LENGTH = 1_048_576
/** Clocks of two machines may differ by this much. A time further ahead is nonsense. */
const MAX_CLOCK_LEAD_MS = 60_000

/** A key of fixed length that says nothing and cannot collide with another source's. */
export function storedKey(namespace: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, namespace, key]))
    .digest('base64url')
}

/** Reads a document; `undefined` when there is none or it cannot be one. Rejects when the store fails. */
export async function readStored(
  store: SecondLevel,
  key: string,
  limits: { readonly deadlineMs: number; readonly nowMs: number },
): Promise<StoredDocument | undefined> {
  const text = await withinDeadline(limits.deadlineMs, undefined, () => store.get(key))
  if (typeof text !== 'string' || text.length > MAX_STORED_LENGTH) return undefined
  const stored = parseStored(text)
  return stored !== undefined && stored.fetchedAtMs <= limits.nowMs + MAX_CLOCK_LEAD_MS ? stored : undefined
}

/** Writes a document. Rejects when the store fails. */
export async function writeStored(
  store: SecondLevel,
  key: string,
  document: StoredDocument,
  limits: { readonly deadlineMs: number; readonly ttlMs: number },
): Promise<void> {
  const value = JSON.stringify({ version: VERSION, ...document })
  await withinDeadline(limits.deadlineMs, undefined, () => store.set(key, value, limits.ttlMs))
}

/** Puts nothing in the place of a document; rejects when the store fails. It ends at once, where the store keeps to that. */
export async function forgetStored(store: SecondLevel, key: string, deadlineMs: number): Promise<void> {
  await withinDeadline(deadlineMs, undefined, () => store.set(key, '', 1))
}

function parseStored(text: string): StoredDocument | undefined {
  try {
    const { version, fetchedAtMs, freshForSeconds, text: document } = Object(JSON.parse(text))
    if (version !== VERSION || !Number.isFinite(fetchedAtMs) || typeof document !== 'string') return undefined
    return {
      fetchedAtMs,
      freshForSeconds: Number.isFinite(freshForSeconds) ? freshForSeconds : undefined,
      text: document,
    }
  } catch {
    // Whatever somebody else wrote there counts as nothing.
    return undefined
  }
}
