import { open, rename } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Misconfigured } from '@countermark/core'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import type { KeptAgent, KeptAgents } from '../memory/kept-agents.ts'
import { SIGNAL_NAMES } from '../score/weights.ts'
import { VELOCITY_CELLS } from '../signals/velocity.ts'
import { CELL, CELLS, SEEN, WORDS } from '../sketch/layout.ts'
import { hasErrorCode } from './error-code.ts'

/** How far events were read. */
export interface ReadPlaces {
  readonly streams: readonly (readonly [stream: string, seq: number])[]
  /** Positions of sources, by kind and id. */
  readonly sources: Readonly<Record<string, string>>
}

/** What a snapshot held. */
export interface Restored extends ReadPlaces {
  readonly agents: number
}

const FORMAT = 'countermark-risk-1'
const AGENTS_A_TURN = 64
const NO_TREND = new Float64Array(0)

/** What the numbers mean: places of cells by name, so that a later version takes over what it still knows. */
const LAYOUT = { cells: CELL, size: CELLS, seen: SEEN, words: WORDS, signals: SIGNAL_NAMES, trend: VELOCITY_CELLS }

/** Writes all agents to a file, which is replaced when everything is on the disk. Other work gets its turn in between. */
export async function writeSnapshot(
  path: string,
  assessor: Pick<KeptAgents, 'keep'>,
  places: ReadPlaces,
): Promise<number> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  let agents = 0
  try {
    let lines = [JSON.stringify({ format: FORMAT, layout: LAYOUT, ...places })]
    for (const kept of assessor.keep()) {
      lines.push(writeAgent(kept))
      agents += 1
      if (lines.length < AGENTS_A_TURN) continue
      await file.write(`${lines.join('\n')}\n`)
      lines = []
    }
    await file.write(`${[...lines, JSON.stringify({ end: agents })].join('\n')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  return agents
}

function writeAgent({ agentId, cells, words, trend = NO_TREND }: KeptAgent): string {
  return JSON.stringify({ agent: agentId, cells: toBase64(cells), words: toBase64(words), trend: toBase64(trend) })
}

function toBase64({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

/**
 * Takes up what a snapshot holds; `undefined` where there is none yet.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` for a file that is no whole snapshot: it is left as it is
 */
export async function readSnapshot(path: string, assessor: Pick<KeptAgents, 'restore'>): Promise<Restored | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (file === undefined) return undefined
  const agents: KeptAgent[] = []
  let head: JsonObject | undefined
  let end: unknown
  try {
    for await (const line of createInterface({ input: file.createReadStream({ autoClose: false }) })) {
      const value = parseLine(line)
      if (value === undefined) throw unusable(path)
      if (head === undefined) head = value
      else if ('end' in value) end = value['end']
      else agents.push(readAgent(value, head, path))
    }
  } finally {
    await file.close()
  }
  if (head?.['format'] !== FORMAT || end !== agents.length) throw unusable(path)
  for (const kept of agents) assessor.restore(kept)
  return { agents: agents.length, ...readPlaces(head) }
}

function parseLine(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isJsonObject(value) ? value : undefined
  } catch {
    // Told by the caller, with the file's name.
    return undefined
  }
}

function readAgent({ agent, cells, words, trend }: JsonObject, head: JsonObject, path: string): KeptAgent {
  if (typeof agent !== 'string' || typeof cells !== 'string' || typeof words !== 'string') throw unusable(path)
  const layout = isJsonObject(head['layout']) ? head['layout'] : {}
  const kept = { agentId: agent, cells: takeCells(doublesOf(cells), layout), words: takeWords(words, layout) }
  const trended = typeof trend === 'string' ? doublesOf(trend) : NO_TREND
  // What another version kept begins anew: it is learned again within days.
  return layout['trend'] === LAYOUT.trend && trended.length === LAYOUT.trend ? { ...kept, trend: trended } : kept
}

/** The bytes in memory of their own: a slice of Node's pool may begin anywhere. */
function bytesOf(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, 'base64')).buffer
}

function doublesOf(text: string): Float64Array {
  const bytes = bytesOf(text)
  return new Float64Array(bytes, 0, Math.floor(bytes.byteLength / 8))
}

/** Cells by their names, where both versions have as many of them. */
function takeCells(given: Float64Array, { cells, size }: JsonObject): Float64Array {
  const taken = new Float64Array(CELLS)
  const theirs = isJsonObject(cells) ? rangesOf(cells, Number(size)) : new Map<string, readonly [number, number]>()
  for (const [name, [from, length]] of rangesOf(CELL, CELLS)) {
    const [theirFrom, theirLength] = theirs.get(name) ?? [0, 0]
    if (theirLength === length) taken.set(given.subarray(theirFrom, theirFrom + length), from)
  }
  for (const [at, value] of taken.entries()) if (!Number.isFinite(value)) taken[at] = 0
  return taken
}

function takeWords(text: string, { seen }: JsonObject): Uint32Array {
  const bytes = bytesOf(text)
  const isSame = JSON.stringify(seen) === JSON.stringify(SEEN) && bytes.byteLength === WORDS * 4
  return isSame ? new Uint32Array(bytes) : new Uint32Array(WORDS)
}

/** Where each name begins, and how far the next one is. */
function rangesOf(
  places: Readonly<Record<string, unknown>>,
  size: number,
): ReadonlyMap<string, readonly [number, number]> {
  const sorted = Object.entries(places).sort((a, b) => Number(a[1]) - Number(b[1]))
  return new Map(
    sorted.map(([name, from], at) => [name, [Number(from), Number(sorted[at + 1]?.[1] ?? size) - Number(from)]]),
  )
}

function readPlaces({ streams, sources }: JsonObject): ReadPlaces {
  const known = Array.isArray(streams) ? streams : []
  return {
    streams: known.flatMap(([stream, seq]) =>
      typeof stream === 'string' && Number.isSafeInteger(seq) ? [[stream, seq] as const] : [],
    ),
    sources: isJsonObject(sources)
      ? Object.fromEntries(Object.entries(sources).map(([id, position]) => [id, String(position)]))
      : {},
  }
}

function unusable(path: string): Misconfigured {
  return new Misconfigured(
    'ERR_OPTION_INVALID',
    `${path} is no whole snapshot of levels; move it away to start without`,
  )
}
