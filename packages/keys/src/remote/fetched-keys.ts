import type { AgentKey, AgentRecord } from '@countermark/core'
import { OutboundError } from '@countermark/outbound'
import type { Loaded } from '@countermark/outbound/internal'
import type { KeyDocument, RefusedEntry } from '../key-document.ts'
import { createKeySet, type KeySet } from '../key-set.ts'

/** The agents and keys of one document as they are cached. */
export interface FetchedKeys extends KeySet {
  /** Equal for documents that say the same. */
  readonly fingerprint: string
  readonly shared: ReadonlySet<string>
  /** How often in a row the document turned out empty while these keys were known. */
  readonly emptyReads: number
}

/** What came with a document. */
export interface DocumentAnswer {
  readonly text?: string
  readonly freshForSeconds?: number | undefined
}

/** An origin whose answer is empty must say so twice before keys go: an empty file is more often a mistake. */
const READS_TO_REMOVE = 2

/** Entries refused for these reasons may be good ones that were corrupted on the way. */
const DAMAGE: readonly RefusedEntry[] = ['malformed', 'key_invalid', 'key_id_invalid']

/** Agents and keys fit for the cache. */
export function toFetchedKeys(document: Pick<KeyDocument, 'agents' | 'keys' | 'shared'>): FetchedKeys {
  const stated = document.keys.map(({ agent, keyId, thumbprint, state, notBefore, notAfter, schemes }) => {
    return [agent, keyId, thumbprint, state, notBefore, notAfter, schemes]
  })
  const fingerprint = JSON.stringify([document.agents, stated, [...document.shared]])
  return { ...createKeySet(document), fingerprint, shared: document.shared, emptyReads: 0 }
}

/**
 * What a document does to what is known. What it says of agents counts at once. Keys it lacks go; when it lacks all of them,
 * the second time in a row. `undefined`: there is nothing.
 * @throws OutboundError `malformed` when its entries are damaged, all of them, while keys are known: those stay
 */
export function settleDocument(
  document: KeyDocument,
  previous: FetchedKeys | undefined,
  answer: DocumentAnswer,
): Loaded<FetchedKeys> | undefined {
  const isDamaged = document.refused.some((reason) => DAMAGE.includes(reason))
  const isNothingLost = previous === undefined || (previous.keys.length === 0 && document.agents.length > 0)
  if (document.keys.length > 0 || isNothingLost) return settleNew(document, previous, answer)
  if (document.agents.length === 0 && isDamaged) {
    throw new OutboundError('malformed', 'no key of the document can be used')
  }
  const emptyReads = isDamaged ? previous.emptyReads : previous.emptyReads + 1
  if (emptyReads >= READS_TO_REMOVE) return settleNew(document, previous, answer)
  const value = { ...withRecords(previous, document.agents), emptyReads }
  return { value, freshForSeconds: 0, isNews: value.fingerprint !== previous.fingerprint }
}

function settleNew(
  document: KeyDocument,
  previous: FetchedKeys | undefined,
  answer: DocumentAnswer,
): Loaded<FetchedKeys> | undefined {
  if (document.keys.length + document.agents.length === 0) return undefined
  const value = toFetchedKeys(document)
  return { ...answer, value, isNews: value.fingerprint !== previous?.fingerprint }
}

/** The keys that are known, under what a newer document says of their agents. */
function withRecords(known: FetchedKeys, agents: readonly AgentRecord[]): FetchedKeys {
  const newer = new Map(agents.map((agent) => [agent.id, agent]))
  const keys = known.keys.map((key): AgentKey => Object.freeze({ ...key, agent: newer.get(key.agent.id) ?? key.agent }))
  const older = known.agents.filter(({ id }) => !newer.has(id))
  return toFetchedKeys({ agents: [...older, ...agents], keys, shared: known.shared })
}
