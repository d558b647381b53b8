import { type Clock, Refusal } from '@countermark/core'
import type { z } from 'zod'
import { type Caller, EVERY_TENANT, type Role } from '../callers/caller.ts'
import type { KeyPolicy } from '../registry/key-policy.ts'
import type { AgentRow, RegistryReads, RegistryTransaction } from '../registry/registry-tables.ts'

/** What a schema makes of its input. */
export type Input = Readonly<Record<string, unknown>>

/** Who may use an endpoint: a role in the tenant, an owner of the agent, the agent itself, or everybody who is known. */
export type Allowed = Role | 'owner' | 'self' | 'anybody'

/** What every handler may use. */
export interface Surroundings {
  readonly clock: Clock
  readonly policy: KeyPolicy
  readonly users: KnownUsers
  /** Callers who may do everything, whatever the database says. */
  readonly administrators: ReadonlySet<string>
}

/** What a caller is. */
export interface Standing {
  /** Roles in the tenant, and what the caller is to the agent. */
  readonly held: readonly Allowed[]
  /** Roles in every tenant. */
  readonly everywhere: readonly Role[]
}

/** How people are called in tokens. */
export interface KnownUsers {
  /** Who issues the tokens of this authority; `undefined`: it issues none. */
  readonly issuer: string | undefined
  /** Names that a person of the registry has in tokens. */
  readonly findNames: (person: string) => Promise<readonly string[]>
}

/** What a handler is given. */
export interface Request<Body, Query> extends Surroundings {
  readonly caller: Caller
  /** What the caller is here. */
  readonly standing: Standing
  readonly params: Readonly<Record<string, string>>
  readonly body: Body
  readonly query: Query
  /** Unix milliseconds. */
  readonly nowMs: number
  /** The agent of the path; only where there is one. */
  readonly agent: AgentRow | undefined
  /** The tenant of the agent, the path, the query or the body. */
  readonly tenant: string | undefined
}

/** What an endpoint answers. */
export interface Result {
  /** @default what the endpoint declares */
  readonly status?: number
  readonly value: unknown
  /** For `ETag`. */
  readonly revision?: number
  /** More header fields, such as `Retry-After`. @default none */
  readonly headers?: Readonly<Record<string, string>>
}

/** What an act answers, and what the trail says of it. */
export interface ActResult extends Result {
  /** A word in snake case, such as `agent_created`. */
  readonly event: string
  /** No secret and no person: those go into `people`. */
  readonly details: Readonly<Record<string, unknown>>
  /** People whom the act is about: erasable. */
  readonly people?: Readonly<Record<string, string>>
}

interface Described {
  readonly path: string
  /** The name in OpenAPI: `createAgent`. */
  readonly operation: string
  readonly summary: string
  readonly allows: readonly Allowed[]
  readonly status?: number
  /** What is answered, for OpenAPI. */
  readonly answer: z.ZodType
}

/** Reads and changes nothing. */
export interface ReadEndpoint<Query = Input> extends Described {
  readonly method: 'GET'
  readonly query?: z.ZodType<Query>
  readonly read: (tables: RegistryReads, request: Request<undefined, Query>) => Promise<Result>
}

/** Changes something, in one transaction, with one record in the trail. */
export interface ActEndpoint<Body = Input> extends Described {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: z.ZodType<Body>
  /** `required`: the caller must say by If-Match which revision it changes. @default 'honoured' */
  readonly ifMatch?: 'required' | 'honoured'
  /** The revision that If-Match is compared with. @default that of the agent */
  readonly revision?: (tables: RegistryReads, request: Request<Body, Input>) => Promise<number>
  readonly act: (tables: RegistryTransaction, request: Request<Body, Input>) => Promise<ActResult>
}

/** One endpoint, whatever its schemas make of input. */
export type Endpoint = ReadEndpoint | ActEndpoint

/** Ties a handler to the type of its schema, and forgets that type. */
export function read<Query>(endpoint: Omit<ReadEndpoint<Query>, 'method'>): Endpoint {
  return { ...endpoint, method: 'GET' } as unknown as Endpoint
}

/** The same for what changes something. */
export function act<Body>(endpoint: ActEndpoint<Body>): Endpoint {
  return endpoint as unknown as Endpoint
}

/** The agent of the path, where the path has one. @throws TypeError when it has none: the endpoint is written wrongly */
export function agentOf({ agent }: Pick<Request<unknown, unknown>, 'agent'>): AgentRow {
  if (agent === undefined) throw new TypeError('the endpoint has no agent in its path')
  return agent
}

/** A value of the path. */
export function param({ params }: Pick<Request<unknown, unknown>, 'params'>, name: string): string {
  return params[name] ?? ''
}

/** What concerns every tenant, an admin of every tenant decides about. @throws Refusal `role_missing` */
export function requireEverywhere({ standing }: Pick<Request<unknown, unknown>, 'standing'>): void {
  if (standing.everywhere.includes('admin')) return
  throw new Refusal('role_missing', `this needs the role admin in every tenant (${EVERY_TENANT})`)
}
