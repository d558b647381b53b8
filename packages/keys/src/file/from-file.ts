import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs'
import { type KeySource, Misconfigured } from '@countermark/core'
import { callback, custom, flag, type Measurement, number, optionTable, rememberKeys } from '@countermark/core/internal'
import type { KeyDocument, KeyImportRules } from '../key-document.ts'
import { createKeySet, type KeySet } from '../key-set.ts'
import { FILE_METRICS } from '../metric-rows.ts'
import { parseRegistryDocument } from '../registry/registry-document.ts'
import { requireSourceName } from '../remote/remote-options.ts'

/** Options of {@link fromFile}. */
export interface FromFileOptions {
  /** Names the source in metrics: lower case, digits, `_`. @default 'file' */
  readonly name?: string
  /** How often the file is looked at. Milliseconds. @default 1_000 */
  readonly pollMs?: number
  /** The agents this file may speak for. @default all */
  readonly agents?: (agentId: string) => boolean
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
}

const OPTIONS = optionTable('fromFile', {
  name: custom((_name, given) => requireSourceName(given ?? 'file')),
  pollMs: number({ min: 1, max: 3_600_000, default: 1_000 }),
  agents: callback<(agentId: string) => boolean>(),
  allowTestKeys: flag(false),
})

const { measure } = FILE_METRICS

/** What happened while no request was there to report it. */
const MAX_PENDING = 100
const MAX_BYTES = 16_777_216

/** Two keys for each of as many agents as a file of 16 MB may hold. */
const MAX_REMEMBERED_KEYS = 200_000

/**
 * Agents and their keys from a JSON file, the document of docs/protocol/registry-document.md. New content is taken over
 * while the application runs; content that cannot be read is counted and changes nothing.
 * @example fromFile('/etc/agents/keys.json')
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL` when the file cannot be read at the start
 */
export function fromFile(path: string, options: FromFileOptions = {}): KeySource {
  const { name, pollMs, agents = () => true, allowTestKeys } = OPTIONS.read(options)
  const pending: Measurement[] = []
  const rules = { agents, allowTestKeys, importKey: rememberKeys(MAX_REMEMBERED_KEYS) }
  const note = (measurement: Measurement): void => {
    if (pending.length < MAX_PENDING) pending.push(measurement)
  }
  const take = (document: KeyDocument): KeySet => {
    for (const reason of document.refused) note(measure('key_entries_refused_total', 1, { source: name, reason }))
    return createKeySet(document)
  }
  let known = take(readAtStart(path, rules))
  const reload = (now: Stats): void => {
    try {
      known = take(readKeyFile(path, rules))
      note(measure('key_fetches_total', 1, { source: name, result: 'ok' }))
    } catch {
      // Counted. What is known stays until the file can be read again.
      const result = now.ino === 0 ? 'not_found' : 'malformed'
      note(measure('key_fetches_total', 1, { source: name, result }))
    }
  }
  // Polled, because events of the file system miss renames, links and network drives.
  watchFile(path, { interval: pollMs, persistent: false }, reload)
  return {
    name,
    metrics: FILE_METRICS.rowsOf({ source: name }),
    findKeys: (query, { report }) => {
      if (pending.length > 0) for (const measurement of pending.splice(0)) report(measurement)
      return known.find(query)
    },
    findAgent: ({ agentId }) => known.findAgent(agentId),
    close: () => unwatchFile(path, reload),
  }
}

function readAtStart(path: string, rules: KeyFileRules): KeyDocument {
  try {
    return readKeyFile(path, rules)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Misconfigured('ERR_KEY_MATERIAL', `the key file cannot be used: ${reason}`)
  }
}

/** How a key file is read. */
interface KeyFileRules extends KeyImportRules {
  readonly agents: (agentId: string) => boolean
}

/**
 * Reads a file of agents and keys, whole.
 * @throws Error when it cannot be read or is no such document
 */
function readKeyFile(path: string, rules: KeyFileRules): KeyDocument {
  if (statSync(path).size > MAX_BYTES) throw new RangeError(`the file exceeds ${MAX_BYTES} bytes`)
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  return parseRegistryDocument(JSON.parse(text), { ...rules, maxKeys: Number.POSITIVE_INFINITY })
}
