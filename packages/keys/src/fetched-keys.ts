import type { AgentKey } from '@countermark/core'
import { type Loaded, OutboundError } from '@countermark/outbound'
import type { RefusedEntry } from './key-description.ts'
import type { KeyDocument } from './key-document.ts'
import { createKeySet, type KeySet } from './key-set.ts'

/** The keys of one document as they are cached. */
export interface FetchedKeys extends KeySet {
  /** Equal for documents that say the same. */
  readonly fingerprint: string
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

/** Keys fit for the cache. */
export function toFetchedKeys(keys: readonly AgentKey[]): FetchedKeys {
  const stated = keys.map(({ agent, keyId, thumbprint, state, notBefore, notAfter, schemes }) => {
    return [agent, keyId, thumbprint, state, notBefore, notAfter, schemes]
  })
  return { ...createKeySet(keys), fingerprint: JSON.stringify(stated), emptyReads: 0 }
}

/**
 * What a document does to the keys that are known: keys it lacks go; when it lacks all of them, the second time in a row.
 * `undefined`: there are none.
 * @throws OutboundError `malformed` when its entries are damaged, all of them, while keys are known: those stay
 */
export function settleDocument(
  document: KeyDocument,
  previous: FetchedKeys | undefined,
  answer: DocumentAnswer,
): Loaded<FetchedKeys> | undefined {
  if (document.keys.length > 0) {
    const value = toFetchedKeys(document.keys)
    return { ...answer, value, isNews: value.fingerprint !== previous?.fingerprint }
  }
  if (previous === undefined) return undefined
  if (document.refused.some((reason) => DAMAGE.includes(reason))) {
    throw new OutboundError('malformed', 'no key of the document can be used')
  }
  const emptyReads = previous.emptyReads + 1
  if (emptyReads >= READS_TO_REMOVE) return undefined
  return { value: { ...previous, emptyReads }, freshForSeconds: 0 }
}
