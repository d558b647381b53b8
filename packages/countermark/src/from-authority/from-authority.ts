import { hostname } from 'node:os'
import type { ApprovalOptions } from '@countermark/capability'
import { type Clock, type KeySource, Misconfigured } from '@countermark/core'
import {
  callback,
  custom,
  flag,
  methods,
  number,
  optionTable,
  type RedisClient,
  requireDuplicable,
  text,
  undescribed,
} from '@countermark/core/internal'
import type { IssuerOptions, Revocations } from '@countermark/delegation'
import { jwks, registry } from '@countermark/keys'
import { delegationPart } from '../parts-on-first-use.ts'
import { authorityApprovals } from './authority-approvals.ts'
import { createConnection } from './authority-connection.ts'
import { followStops, streamPush } from './follow-stops.ts'
import { redisPush } from './redis-push.ts'
import { createStopLog } from './stop-log.ts'

/** Options of {@link fromAuthority}. */
export interface FromAuthorityOptions {
  /** The name of this process among those that are guarded. @default host name and process id */
  readonly door?: string
  /** One of the authority's `doorTokens`. @default none is sent */
  readonly token?: string
  /** Agents of one tenant only. @default those of every tenant */
  readonly tenant?: string
  /** Who issues the authority's tokens, where that is not its URL. @default the URL */
  readonly issuer?: string
  /** Who this service is to people who approve requests, such as `https://api.example.com`. @default what needs approval is refused */
  readonly audience?: string
  /** How long nothing may be heard until requests that change something get 503 `revocation_unavailable`. Seconds. @default 30 */
  readonly staleAfterSeconds?: number
  /** Reach it by `http:`, for a machine of one's own. @default false */
  readonly allowHttp?: boolean
  /** Reach it at a private or loopback address. @default false */
  readonly allowPrivateAddresses?: boolean
  /** Certificate authorities to trust instead of the public ones, PEM. @default the public ones */
  readonly ca?: string
  /**
   * Hear of stops from the Redis that the authority pushes them into (its option `push`): a client of ioredis or node-redis, made,
   * connected and closed by you. What Redis loses is asked for. @default the authority's own stream
   */
  readonly redis?: RedisClient
  /** The key of that stream. @default 'countermark:stops' */
  readonly redisStream?: string
  /** How long one question may take. Milliseconds. @default 3000 */
  readonly deadlineMs?: number
  /** Told why a link was lost; it is tried again by itself. @default not told */
  readonly onLost?: (error: unknown) => void
  /** @default the clock of the guard */
  readonly clock?: Clock
}

/** What is known of the link to the authority. */
export interface AuthorityLinkState {
  /** The name under which this process acknowledges stops. */
  readonly door: string
  /** How many lines of the feed this process has taken over. */
  readonly seq: number
  /** `polling` while nothing is pushed. */
  readonly link: 'stream' | 'redis' | 'polling'
  /** Whether requests that change something get 503. */
  readonly isStale: boolean
}

/** Everything that `countermark` takes from an authority, by its option `authority`. */
export interface AuthorityLink {
  /** The keys of its registered agents. */
  readonly keys: KeySource
  /** Whose tokens count: those of the authority. */
  readonly issuers: readonly IssuerOptions[]
  /** What it stopped: tokens, keys, agents, users. */
  readonly revocations: Revocations
  /** Who approves requests, and where agents ask for it; only with `audience`. */
  readonly approvals: Omit<ApprovalOptions, 'store'> | undefined
  /** Resolves when every stop is known. Until then what changes something is refused. */
  readonly ready: () => Promise<void>
  /** How far this process has followed the authority. */
  readonly state: () => AuthorityLinkState
  /** Ends the link: before the process does, and in tests. */
  readonly close: () => void
}

/** Agents and keys stay listed for as long as they are stopped. */
const MOST_STOPS = 1_000_000

const OPTIONS = optionTable('fromAuthority', {
  door: custom((_name, given = `${hostname()}:${process.pid}`) => requireDoor(given)),
  token: text(),
  tenant: text(),
  issuer: text(),
  audience: text(),
  staleAfterSeconds: number({ min: 1, max: 86_400, default: 30 }),
  allowHttp: flag(false),
  allowPrivateAddresses: flag(false),
  ca: text(),
  deadlineMs: number({ min: 1, max: 60_000, default: 3000 }),
  redis: undescribed(custom((_name, given) => readRedis(given))),
  redisStream: text('countermark:stops'),
  onLost: callback<(error: unknown) => void>(),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
})

/**
 * Keys, issuers and stops of an authority, for the option `authority` of `countermark`.
 * @example
 * const authority = fromAuthority('https://authority.example.com', { token: process.env.DOOR_TOKEN })
 * app.use(countermark({ origins: ['api.example.com'], authority }))
 * @throws Misconfigured
 */
export function fromAuthority(url: string, options: FromAuthorityOptions = {}): AuthorityLink {
  const settings = OPTIONS.read(options)
  const { door, token, tenant, allowHttp, allowPrivateAddresses, ca, clock, deadlineMs } = settings
  const place = requirePlace(url, allowHttp)
  const base = place.href.replace(/\/$/, '')
  const http = {
    ...{ allowHttp, allowPrivateAddresses, deadlineMs, ports: [portOf(place)] },
    ...(ca === undefined ? {} : { ca }),
  }
  const headers = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }
  const path = tenant === undefined ? '/registry' : `/tenants/${encodeURIComponent(tenant)}/registry`
  const keys = registry(base + path, { ...http, ...headers })
  const list = delegationPart().createRevocations({
    ...{ staleAfterSeconds: settings.staleAfterSeconds, maxEntries: MOST_STOPS },
    ...(clock === undefined ? {} : { clock }),
  })
  const log = createStopLog(list, keys)
  // What is not known yet may hold the very stop that this request is about.
  const revocations: Revocations = { ...list, isStale: () => !log.isComplete() || list.isStale() }
  const connection = createConnection({ url: place, token, ca, deadlineMs })
  const { onLost = () => undefined } = settings
  const { redis, redisStream } = settings
  const streamed = streamPush(door, connection)
  const pushes = redis === undefined ? [streamed] : [redisPush(redis, redisStream), streamed]
  const followed = followStops({ door, log, connection, pushes, onLost })
  const issuer = settings.issuer ?? base
  const approvers = jwks(`${base}/approval-keys`, { ...http, ...headers, agent: issuer, name: 'approvers' })
  return {
    keys,
    // An agent's own token names no actor.
    issuers: [delegationPart().countermarkAuthority(issuer, { http, keys: { jwksUri: `${base}/jwks.json` } })],
    revocations,
    approvals:
      settings.audience === undefined
        ? undefined
        : authorityApprovals({
            ...{ base, issuer, audience: settings.audience, door, token, connection, onLost },
            keys: approvers,
          }),
    ready: () => followed.ready,
    state: () => ({ door, seq: log.seq(), link: followed.link(), isStale: revocations.isStale() }),
    close: () => {
      followed.close()
      connection.close()
      void keys.close?.()
      void approvers.close?.()
    },
  }
}

function readRedis(given: unknown): RedisClient | undefined {
  if (given === undefined) return undefined
  requireDuplicable('fromAuthority.redis', given as RedisClient)
  return given as RedisClient
}

function requireDoor(given: unknown): string {
  if (typeof given === 'string' && /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(given)) return given
  throw new Misconfigured('ERR_OPTION_INVALID', 'door must have 1 to 128 of A-Z a-z 0-9 . _ : -, such as shop-1')
}

function requirePlace(url: string, allowHttp: boolean): URL {
  const place = URL.canParse(url) ? new URL(url) : undefined
  const isHttp = place?.protocol === 'https:' || (allowHttp && place?.protocol === 'http:')
  if (place !== undefined && isHttp && place.search === '' && place.hash === '' && place.username === '') return place
  const fix = "write 'https://authority.example.com', or allowHttp for a machine of your own"
  throw new Misconfigured('ERR_OPTION_INVALID', `fromAuthority needs the URL of an authority; ${fix}`)
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
