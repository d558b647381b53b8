import { type Stats, unwatchFile, watchFile } from 'node:fs'
import { type KeySource, Misconfigured } from '@countermark/core'
import { callback, degradedRow, flag, type Measurement, number, optionTable } from '@countermark/core/internal'
import { createKeySet } from '../key-set.ts'
import { FILE_METRICS } from '../metric-rows.ts'
import { sourceName } from '../remote/remote-options.ts'
import { createKeyFile, UnusableKeyFile } from './key-file.ts'

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
  name: sourceName('file'),
  pollMs: number({ min: 1, max: 3_600_000, default: 1_000 }),
  agents: callback<(agentId: string) => boolean>(),
  allowTestKeys: flag(false),
})

const { measure } = FILE_METRICS

/** What happened while no request was there to report it. */
const MAX_PENDING = 100

/**
 * Agents and their keys from a JSON file, the document of docs/protocol/registry-document.md. New content is taken over
 * while the application runs. Content of which an entry cannot be used changes nothing: it is counted, `degraded` says so
 * until the file is mended, and a process warning names the entry.
 * @example fromFile('/etc/agents/keys.json')
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL` when the file, or an entry of it, cannot be used at the start
 */
export function fromFile(path: string, options: FromFileOptions = {}): KeySource {
  const { name, pollMs, agents = () => true, allowTestKeys } = OPTIONS.read(options)
  const file = createKeyFile(path, { agents, allowTestKeys })
  const pending: Measurement[] = []
  const note = (measurement: Measurement): void => {
    if (pending.length < MAX_PENDING) pending.push(measurement)
  }
  const load = (): ReturnType<typeof createKeySet> => {
    const { document, fault } = file.read()
    for (const reason of document.refused) note(measure('key_entries_refused_total', 1, { source: name, reason }))
    if (fault !== undefined) throw new UnusableKeyFile(fault)
    return createKeySet(document)
  }
  let known = loadAtStart(load)
  let isBehind = false
  const reload = (now: Stats): void => {
    try {
      known = load()
      isBehind = false
      note(measure('key_fetches_total', 1, { source: name, result: 'ok' }))
    } catch (error) {
      isBehind = true
      if (error instanceof UnusableKeyFile) warn(error)
      const result = now.ino === 0 ? 'not_found' : 'malformed'
      note(measure('key_fetches_total', 1, { source: name, result }))
    }
  }
  // Polled, because events of the file system miss renames, links and network drives.
  watchFile(path, { interval: pollMs, persistent: false }, reload)
  return {
    name,
    metrics: [...FILE_METRICS.rowsOf({ source: name }), { ...degradedRow(['keys']), read: () => (isBehind ? 1 : 0) }],
    findKeys: (query, { report }) => {
      if (pending.length > 0) for (const measurement of pending.splice(0)) report(measurement)
      return known.find(query)
    },
    findAgent: ({ agentId }) => known.findAgent(agentId),
    close: () => unwatchFile(path, reload),
  }
}

function loadAtStart<Loaded>(load: () => Loaded): Loaded {
  try {
    return load()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Misconfigured('ERR_KEY_MATERIAL', `the key file cannot be used: ${reason}`)
  }
}

/** The requests go on with the keys that were known; only the operator can mend the file. */
function warn({ message }: UnusableKeyFile): void {
  process.emitWarning(`the key file was not taken over: ${message}`, {
    type: 'CountermarkWarning',
    code: 'key_file_unusable',
  })
}
