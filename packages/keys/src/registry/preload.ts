import type { AgentKey, Environment, KeyQuery } from '@countermark/core'
import { isJsonObject, isThenable, type KeyCaller } from '@countermark/core/internal'
import { type Fetcher, OutboundError } from '@countermark/outbound'
import { backoffMs } from '@countermark/outbound/internal'
import { type KeyDocument, ownMember, toKeyDocument } from '../key-document.ts'
import { createKeySet, type KeySet, NO_KEYS } from '../key-set.ts'
import { toFetchedKeys } from '../remote/fetched-keys.ts'
import type { RemoteKeys, Seed } from '../remote/remote-keys.ts'
import { BY_AGENT, type RegistryKind } from './registry-kind.ts'

/** What a preload is made of. */
export interface PreloadInput {
  readonly url: string
  readonly fetcher: Fetcher
  readonly refreshAfterMs: number
  readonly random: () => number
  readonly kind: RegistryKind
  readonly keys: RemoteKeys
}

/** So many agents in one turn of the event loop: requests must not wait for all of them. */
const AT_ONCE = 100
/** Comes before each agent's own renewal, which is at most a tenth early. */
const EARLY = 0.85
const BACKOFF = { firstMs: 1_000, factor: 4, longestMs: 60_000 } as const

const NONE_SHARED: ReadonlySet<string> = new Set()

/** All agents of a registry, fetched in one document. Begins with the first question, which brings the time. */
export class Preload {
  readonly #input: PreloadInput
  readonly #closing = new AbortController()
  #known: KeySet | undefined
  #nextAtMs = Number.NEGATIVE_INFINITY
  #failures = 0
  #first: Promise<void> | undefined
  #isUnderWay = false

  constructor(input: PreloadInput) {
    this.#input = input
  }

  /** Starts to fetch when it is time; a promise only before the first document came, or could not be had. Never rejects. */
  ready(environment: Environment): Promise<void> | undefined {
    const isDue = environment.clock.monotonicMs() >= this.#nextAtMs
    if (this.#isUnderWay || this.#closing.signal.aborted || !isDue) return this.#first
    const isFirst = this.#nextAtMs === Number.NEGATIVE_INFINITY
    const running = this.#run(environment)
    if (!isFirst) return undefined
    this.#first = running.then(() => {
      this.#first = undefined
    })
    return this.#first
  }

  /** The keys of one key id, as their agents have them now. */
  find(
    { keyId }: KeyQuery,
    environment: Environment,
    caller: KeyCaller | undefined,
  ): readonly AgentKey[] | Promise<readonly AgentKey[]> {
    const named = keyId === undefined ? NO_KEYS : (this.#known?.find({ keyId }) ?? NO_KEYS)
    if (named.length === 0) return NO_KEYS
    // Whose keys they were; what these agents say of them now, their own entries know.
    const owners = [...new Set(named.map((key) => key.agent.id))]
    const query = { ...(keyId === undefined ? {} : { keyId }) }
    const { keys } = this.#input
    const found = owners.map((agentId) => keys.find(BY_AGENT + agentId, { ...query, agentId }, environment, caller))
    return found.some((each) => isThenable(each))
      ? Promise.all(found).then((all) => all.flat())
      : (found.flat() as AgentKey[])
  }

  close(): void {
    this.#closing.abort()
  }

  async #run(environment: Environment): Promise<void> {
    const { refreshAfterMs, random, keys } = this.#input
    this.#isUnderWay = true
    try {
      await this.#fetchAll(environment)
      this.#failures = 0
    } catch (error) {
      this.#failures++
      keys.measurements.cacheEvent('load_failed', environment, error)
    }
    this.#isUnderWay = false
    const waitMs = this.#failures === 0 ? refreshAfterMs * EARLY : backoffMs(this.#failures, { ...BACKOFF, random })
    this.#nextAtMs = environment.clock.monotonicMs() + waitMs
  }

  /** Takes the document in as of the time at which it was asked for: each agent as if it had been asked for alone. */
  async #fetchAll(environment: Environment): Promise<void> {
    const { url, fetcher, kind, keys } = this.#input
    const seed = keys.startSeeding(environment)
    const { value } = await fetcher.fetchJson(url, this.#closing.signal)
    const read = await readAll(value, kind)
    kind.owners.release(this.#known?.keys ?? NO_KEYS, read.keys)
    const document = kind.owners.claim(read)
    await seedAll(document, seed)
    this.#known = createKeySet(document)
    keys.measurements.refusedEntries(document.refused, environment)
    keys.measurements.cacheEvent('loaded', environment)
  }
}

async function readAll(value: unknown, kind: RegistryKind): Promise<KeyDocument> {
  const agents = isJsonObject(value) ? ownMember(value, 'agents') : undefined
  if (!Array.isArray(agents)) throw new OutboundError('malformed', 'expected { "agents": [ … ] }')
  if (agents.length === 0) throw new OutboundError('malformed', 'a document of all agents lists none')
  const parts: KeyDocument[] = []
  const groups = groupById(agents)
  for (let from = 0; from < groups.length; from += AT_ONCE) {
    parts.push(kind.parsePart(groups.slice(from, from + AT_ONCE).flat()))
    await nextTurn()
  }
  const refused = parts.flatMap((part) => part.refused.filter((reason) => reason !== 'key_shared'))
  return toKeyDocument(
    parts.flatMap((part) => part.agents),
    [...refused, ...parts.flatMap((part) => part.keys)],
  )
}

/** What is said of one agent in several places is read together: it may contradict itself. */
function groupById(agents: readonly unknown[]): readonly (readonly unknown[])[] {
  const groups = new Map<unknown, unknown[]>()
  for (const agent of agents) {
    const id = isJsonObject(agent) ? (ownMember(agent, 'id') ?? ownMember(agent, 'agent_id')) : undefined
    const group = groups.get(id)
    if (group === undefined) groups.set(id, [agent])
    else group.push(agent)
  }
  return [...groups.values()]
}

async function seedAll(document: KeyDocument, seed: Seed): Promise<void> {
  const keysOf = new Map<string, AgentKey[]>(document.agents.map((agent) => [agent.id, []]))
  for (const key of document.keys) keysOf.get(key.agent.id)?.push(key)
  let taken = 0
  for (const agent of document.agents) {
    const keys = keysOf.get(agent.id) ?? []
    const isShared = keys.some((key) => document.shared.has(key.thumbprint))
    const shared = isShared ? document.shared : NONE_SHARED
    seed(BY_AGENT + agent.id, toFetchedKeys({ agents: [agent], keys, shared: ownPart(keys, shared) }))
    if (++taken % AT_ONCE === 0) await nextTurn()
  }
}

function ownPart(keys: readonly AgentKey[], shared: ReadonlySet<string>): ReadonlySet<string> {
  if (shared.size === 0) return shared
  return new Set(keys.map((key) => key.thumbprint).filter((thumbprint) => shared.has(thumbprint)))
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
