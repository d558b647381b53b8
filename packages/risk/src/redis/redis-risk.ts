import { hash, randomUUID } from 'node:crypto'
import { type Environment, Unavailable } from '@countermark/core'
import {
  clearKeys,
  createAskRedis,
  createSender,
  custom,
  number,
  optionTable,
  type RedisClient,
  systemClock,
  text,
  undescribed,
} from '@countermark/core/internal'
import { RISK_LEVELS } from '../levels/levels.ts'
import { STORE_METRICS } from '../metric-rows.ts'
import type { Observation } from '../observation.ts'
import type { RiskBook, RiskSettings, RiskStore } from '../risk-store.ts'
import { placeOfAddress, prefixOfAddress } from '../signals/address.ts'
import { type Entry, writeEntry } from './entries.ts'
import { createReplica, type Outcome, type Replica } from './replica.ts'
import { readReply } from './reply.ts'
import { createScriptSender, EXCHANGE_SCRIPT, KEEP_SCRIPT } from './scripts.ts'

/** Options of {@link redisRisk}. */
export interface RedisRiskOptions {
  /** A client of ioredis or node-redis, of one server or of a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /** Begins the name of every key. Services with other policies take another one. @default 'countermark:risk:' */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** Agents of which this process has a copy, 2 KB each. @default 100_000 */
  readonly maxAgents?: number
}

/** A store that a test can empty. */
export interface RedisRisk extends RiskStore {
  /** Removes every key of this prefix: for tests. */
  readonly clear: () => Promise<void>
}

const OPTIONS = optionTable('redisRisk', {
  client: undescribed(custom((_, given) => given as RedisClient)),
  prefix: text('countermark:risk:'),
  deadlineMs: number({ min: 1, max: 60_000, default: 50 }),
  maxAgents: number({ min: 1, max: 10_000_000, default: 100_000 }),
})

/** What is kept of an agent that is not heard of any more. Milliseconds. */
const KEPT_MS = 30 * 86_400_000
/** From so many entries on the log loses the oldest; snapshots cover them long before. */
const MOST_ENTRIES = 256
const SNAPSHOT_EVERY = 32
/** How ends of requests wait for the next request of their agent, which takes them along. */
const ENDS_WAIT_MS = 100
const MOST_ENDS = 64

/**
 * Keeps behaviour in Redis, for any number of processes: each request is one line in a log of its agent, which every process
 * follows, so that all come to the same level. One script, one round trip; levels survive a restart of every process.
 * @throws Misconfigured
 * @example assessRisk({ store: redisRisk({ client: new Redis() }) })
 */
export function redisRisk(options: RedisRiskOptions): RedisRisk {
  const { client, prefix, deadlineMs, maxAgents } = OPTIONS.read(options)
  const send = createScriptSender(createSender('redisRisk', client))
  return {
    name: 'redis',
    clear: () => clearKeys('redisRisk', client, prefix),
    open: (settings) => {
      const ask = createAskRedis({ send, deadlineMs, code: 'risk_unavailable', dependency: 'risk' })
      const replica = createReplica({ ...settings, maxAgents })
      return openBook({ replica, settings, keysOf: keysWith(prefix), ask })
    },
  }
}

interface Parts {
  readonly replica: Replica
  readonly settings: RiskSettings
  readonly keysOf: (agentId: string) => readonly [string, string]
  readonly ask: ReturnType<typeof createAskRedis>
}

type Around = Pick<Environment, 'clock' | 'report'>

function openBook({ replica, settings, keysOf, ask }: Parts): RiskBook {
  const ends = new Map<string, Entry[]>()
  let around: Around = { clock: systemClock, report: () => undefined }
  let timer: NodeJS.Timeout | undefined
  const { assessor } = replica

  async function exchange(agentId: string, own: readonly Entry[], keptMs = KEPT_MS): Promise<Outcome> {
    const waiting = ends.get(agentId) ?? []
    ends.delete(agentId)
    const mine = [...waiting, ...own]
    const place = replica.placeOf(agentId)
    const isUsable = place !== undefined && !place.isAlone
    const seen = [isUsable ? String(place.seq) : '-1', place?.epoch ?? '']
    const known = [...seen, randomUUID(), String(keptMs), String(MOST_ENTRIES)]
    const lines = mine.map(writeEntry)
    const answer = await ask(around, ['EVAL', EXCHANGE_SCRIPT, '2', ...keysOf(agentId), ...known, ...lines])
    const reply = readReply(answer, lines)
    if (reply === undefined) return { isWorthKeeping: false, toldNowhere: undefined }
    const outcome = replica.follow(agentId, reply, mine, around.clock.wallMs())
    const isDue = Math.floor(reply.seq / SNAPSHOT_EVERY) > Math.floor((reply.seq - mine.length) / SNAPSHOT_EVERY)
    if (outcome.isWorthKeeping || isDue) keep(agentId)
    const { toldNowhere } = outcome
    if (toldNowhere !== undefined)
      leave(agentId, { kind: 'review', agentId, review: toldNowhere, atMs: around.clock.wallMs() })
    return outcome
  }

  function keep(agentId: string): void {
    const [place, snapshot] = [replica.placeOf(agentId), replica.snapshotOf(agentId)]
    if (place === undefined || snapshot === undefined) return
    const kept = ask(around, ['EVAL', KEEP_SCRIPT, '2', ...keysOf(agentId), place.epoch, String(place.seq), snapshot])
    // The log has it all; the next snapshot is soon.
    kept.catch(() => undefined)
  }

  /** Leaves an entry for which nobody waits. */
  function leave(agentId: string, entry: Entry): void {
    const waiting = ends.get(agentId) ?? []
    if (waiting.length >= MOST_ENDS) waiting.shift()
    waiting.push(entry)
    ends.set(agentId, waiting)
    timer ??= setTimeout(flush, ENDS_WAIT_MS).unref()
  }

  function flush(): void {
    timer = undefined
    // Lost in an outage, which the metrics tell.
    for (const agentId of [...ends.keys()]) exchange(agentId, []).catch(() => undefined)
  }

  return {
    assess: async (observation, environment) => {
      around = environment
      const own = withPlace(observation, settings)
      if (isSupplement(own) && assessor.rankOf(own.agentId) === 0) {
        leave(own.agentId, { kind: 'request', observation: own })
        return assessor.latest(own.agentId)
      }
      const { assessment } = await exchange(own.agentId, [{ kind: 'request', observation: own }])
      if (assessment !== undefined) return assessment
      throw new Unavailable('risk_unavailable', 'risk', 'the store of risk has lost what it was told', {})
    },
    assessAlone: (observation, environment) => {
      around = environment
      return replica.assessAlone(withPlace(observation, settings))
    },
    takeTurn: assessor.takeTurn,
    tell: (ended) => {
      if (assessor.has(ended.agentId)) leave(ended.agentId, { kind: 'end', ended })
    },
    review: async (agentId, review, atMs) => {
      const heldMs = review.action === 'clear' ? 0 : (review.forSeconds ?? 0) * 1000
      const { standing } = await exchange(agentId, [{ kind: 'review', agentId, review, atMs }], KEPT_MS + heldMs)
      if (standing !== undefined) return standing
      throw new Unavailable('risk_unavailable', 'risk', 'the store of risk has lost what it was told', {})
    },
    find: async (agentId, atMs) => {
      await exchange(agentId, [])
      return assessor.find(agentId, atMs)
    },
    metrics: RISK_LEVELS.flatMap((level, rank) =>
      STORE_METRICS.rowsOf({ level }, { risk_agents: () => assessor.countRanks()[rank] ?? 0 }),
    ),
    close: async () => {
      clearTimeout(timer)
      await Promise.allSettled([...ends.keys()].map((agentId) => exchange(agentId, [])))
    },
  }
}

/** Only the capability of a request that was assessed before: it counts from the next request on, and nobody waits for it. */
function isSupplement({ isRepeated, isHoney, amount }: Observation): boolean {
  return isRepeated === true && !isHoney && amount <= 0
}

/** An observation without the address: its prefix and where it belongs take its place, the same for every process. */
function withPlace(observation: Observation, { network }: RiskSettings): Observation {
  const { address, ...rest } = observation
  if (address === undefined) return { ...rest, address }
  return { ...rest, address: undefined, prefix: prefixOfAddress(address), place: placeOfAddress(network, address) }
}

/** Both keys of an agent share a hash tag: one script reads them. */
function keysWith(prefix: string): Parts['keysOf'] {
  return (agentId) => {
    const tag = `${prefix}{${hash('sha256', agentId, 'base64url').slice(0, 22)}}`
    return [`${tag}:log`, `${tag}:state`]
  }
}
