import type { AgentFact, AgentRequest, CapabilityFact, DelegationFact, Facts } from '@countermark/core'
import type { JsonValue } from '@countermark/core/internal'

/** What must be known before, and what is told where it is known. */
export interface PolicyCaller {
  /** Who calls. */
  readonly agent: AgentFact
  /** For whom the caller acts. */
  readonly delegation?: DelegationFact | undefined
  /** What the request uses. */
  readonly capability?: CapabilityFact | undefined
}

/** Who acts. */
export interface PolicyActor {
  /** `agent` where a guard asks; what a caller of the decision point says, where that asks. */
  readonly type: string
  /** Within its issuer. */
  readonly id: string
  /** Who names the agent so, where its token says that it is somebody else than the issuer of the token. */
  readonly issuer?: string
  /** How sure it is that this agent calls. */
  readonly level?: string
  /** How it presented itself. */
  readonly scheme?: string
  /** What kind of agent it is, in the words of the registry. */
  readonly kind?: string
  /** Its version, in the words of the registry. */
  readonly version?: string
  /** Who answers for it. */
  readonly owner?: string
  /** What a caller of the decision point says besides. */
  readonly properties?: JsonRecord
}

/** An object of JSON. */
export type JsonRecord = Readonly<Record<string, JsonValue>>

/** The question that every engine is asked, so that one policy suits them all. */
export interface PolicyInput {
  /** The agent that acts. */
  readonly actor: PolicyActor
  /** The user, and who vouches for the user; left out where the agent acts for itself. */
  readonly on_behalf_of?: { readonly user_id: string; readonly issuer: string }
  /** What is about to be done: `pr.create`. */
  readonly action: string
  /** To what. */
  readonly resource: JsonRecord
  /** What the caller was granted. */
  readonly scope: readonly string[]
  /** The request, and what else was told of it. */
  readonly context: JsonRecord
}

/** Says something of a request for the question. What it cannot say it leaves out. */
export type DescribeForPolicy<Described> = (
  request: AgentRequest,
  caller: PolicyCaller,
) => Described | Promise<Described>

/** What a route says of itself. */
export interface PolicyRoute {
  /** What the route does: `pr.create`. @default the scopes that the route requires, or method and path */
  readonly action?: string | DescribeForPolicy<string>
  /** To what it does that. @default `{ path, route, parameters }` */
  readonly resource?: JsonRecord | DescribeForPolicy<JsonRecord>
  /** Values that obligations may limit, such as `amount`: read only what is signed. @default none */
  readonly arguments?: DescribeForPolicy<JsonRecord>
  /** More of `context`. @default nothing more */
  readonly context?: DescribeForPolicy<JsonRecord>
}

/** What was read of a request. */
export interface Described {
  readonly action: string
  readonly resource: JsonRecord
  readonly values: JsonRecord | undefined
  readonly more: JsonRecord | undefined
}

/** Puts the question together. What callers choose is a value in it, never a name. */
export function createInput(
  request: AgentRequest,
  caller: PolicyCaller,
  described: Described,
  atMs: number,
): PolicyInput {
  const { agent, delegation } = caller
  const { action, resource } = described
  return {
    actor: actorOf(agent, delegation),
    ...(delegation !== undefined && actsForUser(delegation)
      ? { on_behalf_of: { user_id: delegation.subject, issuer: delegation.issuer } }
      : {}),
    action,
    resource,
    scope: delegation?.scopes ?? agent.record.capabilities ?? [],
    context: contextOf(request, caller, described, atMs),
  }
}

/** Ids are unique within their issuer alone: a user and an agent of another issuer may have the same one. */
function actsForUser({ subject, issuer, actor }: DelegationFact): boolean {
  return subject !== actor.id || issuer !== (actor.issuer ?? issuer)
}

function actorOf({ id, level, scheme, record }: AgentFact, delegation: DelegationFact | undefined): PolicyActor {
  const { type, version, owner } = record
  const issuer = delegation?.actor.issuer
  return {
    type: 'agent',
    id,
    level,
    scheme,
    ...(issuer === undefined ? {} : { issuer }),
    ...(type === undefined ? {} : { kind: type }),
    ...(version === undefined ? {} : { version }),
    ...(owner === undefined ? {} : { owner }),
  }
}

function contextOf(
  request: AgentRequest,
  { delegation, capability }: PolicyCaller,
  { values, more }: Described,
  atMs: number,
): JsonRecord {
  const { method, scheme, authority, path, remoteAddress } = request
  return {
    // First, so that it replaces none of the members below.
    ...more,
    method,
    origin: `${scheme}://${authority}`,
    path,
    time: new Date(atMs).toISOString(),
    ...(remoteAddress === undefined ? {} : { ip: remoteAddress }),
    ...(values === undefined ? {} : { arguments: values }),
    ...(capability === undefined ? {} : { capabilities: capability.used, approved: capability.approval !== undefined }),
    ...(delegation === undefined ? {} : { delegation: delegationOf(delegation) }),
  }
}

function delegationOf({ issuer, actor, priorActors, binding }: DelegationFact): JsonRecord {
  const chain = [actor, ...priorActors].map((one) => ({
    id: one.id,
    ...(one.issuer === undefined ? {} : { issuer: one.issuer }),
  }))
  return { issuer, binding, chain }
}

/** The scopes that the route declares say best what it does. */
export function defaultAction({ method, path }: AgentRequest, { capability }: PolicyCaller): string {
  const declared = capability?.declared ?? []
  return declared.length === 0 ? `${method} ${path}` : declared.join(' ')
}

/** Where the request goes. Parameters lie in a member of their own: a template chooses their names. */
export function defaultResource(request: AgentRequest): JsonRecord {
  const { template, parameters } = request.route()
  return { path: request.path, ...(template === undefined ? {} : { route: template }), parameters: { ...parameters } }
}

/** What a check of policies needs and adds. */
export type PolicyFacts = Pick<Facts, 'policy'>
