import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs'
import {
  type Environment,
  type KeySource,
  type Measurement,
  Misconfigured,
  requireKnownOptions,
  requireNumber,
} from '@countermark/core'
import { nameLabels, rememberKeys } from '@countermark/core/internal'
import type { KeyDocument, KeyImportRules } from '../key-document.ts'
import { createKeySet } from '../key-set.ts'
import { FILE_METRIC_ROWS } from '../metric-rows.ts'
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

/** What happened while no request was there to report it. */
type Pending = Measurement[]

const MAX_PENDING = 100

/** Two keys for each of as many agents as a file of 16 MB may hold. */
const MAX_REMEMBERED_KEYS = 200_000

/**
 * Agents and their keys from a JSON file, the document of docs/protocol/registry-document.md. New content is taken over
 * while the application runs; content that cannot be read is counted and changes nothing.
 * @example fromFile('/etc/agents/keys.json')
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL` when the file cannot be read at the start
 */
export function fromFile(path: string, options: FromFileOptions = {}): KeySource {
  requireKnownOptions('fromFile', options, ['name', 'pollMs', 'agents', 'allowTestKeys'])
  const { agents = () => true, allowTestKeys = false } = options
  const name = requireSourceName(options.name ?? 'file')
  const pollMs = requireNumber('pollMs', options.pollMs ?? 1_000, { min: 1, max: 3_600_000 })
  const pending: Pending = []
  const rules = { agents, allowTestKeys, importKey: rememberKeys(MAX_REMEMBERED_KEYS) }
  let known = createKeySet(take(readAtStart(path, rules), name, pending))
  const reload = (now: Stats): void => {
    try {
      known = createKeySet(take(readKeyFile(path, rules), name, pending))
      note(pending, 'key_fetches_total', { source: name, result: 'ok' })
    } catch {
      // Counted. What is known stays until somebody writes a file that can be read.
      note(pending, 'key_fetches_total', { source: name, result: now.ino === 0 ? 'not_found' : 'malformed' })
    }
  }
  // Polled, because events of the file system miss renames, links and network drives.
  watchFile(path, { interval: pollMs, persistent: false }, reload)
  return {
    name,
    metrics: nameLabels(FILE_METRIC_ROWS, { source: name }),
    findKeys: (query, environment) => {
      if (pending.length > 0) flush(pending, environment)
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

function take(document: KeyDocument, source: string, pending: Pending): KeyDocument {
  for (const reason of document.refused) note(pending, 'key_entries_refused_total', { source, reason })
  return document
}

function note(pending: Pending, name: string, labels: Readonly<Record<string, string>>): void {
  if (pending.length < MAX_PENDING) pending.push({ name, kind: 'counter', value: 1, labels })
}

function flush(pending: Pending, environment: Environment): void {
  for (const measurement of pending.splice(0)) environment.report(measurement)
}

const MAX_BYTES = 16_777_216

/** How a key file is read. */
export interface KeyFileRules extends KeyImportRules {
  readonly agents: (agentId: string) => boolean
}

/**
 * Reads a file of agents and keys, whole.
 * @throws Error when it cannot be read or is no such document
 */
export function readKeyFile(path: string, rules: KeyFileRules): KeyDocument {
  if (statSync(path).size > MAX_BYTES) throw new RangeError(`the file exceeds ${MAX_BYTES} bytes`)
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  return parseRegistryDocument(JSON.parse(text), { ...rules, maxKeys: Number.POSITIVE_INFINITY })
}
