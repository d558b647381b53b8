import type { AuditEvent, AuditTrail } from '@countermark/audit'
import { isRefusal, isUnavailable, Refusal } from '@countermark/core'
import type { Caller } from '../callers/caller.ts'
import { noteAct, type ToldAct } from '../events/outbox.ts'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import { findAgentRow } from '../registry/agents.ts'
import { REGISTRY_LOCK, type RegistryReads, type RegistryTables } from '../registry/registry-tables.ts'
import type { StoredTables } from '../storage/store.ts'
import type { Authorize } from './authorize.ts'
import type {
  ActEndpoint,
  ActResult,
  Endpoint,
  Input,
  ReadEndpoint,
  Request,
  Result,
  Surroundings,
} from './endpoint.ts'
import { readBody, readQuery } from './input.ts'
import type { KeptAnswers } from './kept-answers.ts'

/** What endpoints are served with. */
export interface ServeOptions extends Surroundings {
  readonly stored: StoredTables<RegistryTables>
  readonly trail: Pick<AuditTrail, 'event'>
  readonly findCaller: (call: Call) => Promise<Caller>
  readonly authorize: Authorize
  readonly keptAnswers: KeptAnswers
}

/** Makes the route of an endpoint: who calls, what they send, whether they may, and only then what is done. */
export function serveEndpoint(endpoint: Endpoint, options: ServeOptions): Route {
  const { method, path } = endpoint
  const handle = endpoint.method === 'GET' ? serveRead(endpoint, options) : serveAct(endpoint, options)
  return { method, path, handle }
}

/** Of what was only looked at, these tell of callers who try what they may not. */
const TELLING: ReadonlySet<string> = new Set(['role_missing', 'ceiling_exceeded'])

/** Records that a caller was refused. Who cannot be recorded is refused all the same; the trail counts what it did not take. */
async function tellingRefusals(
  { trail }: Pick<ServeOptions, 'trail'>,
  call: Call,
  caller: Caller,
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (isRefusal(error) && !isUnavailable(error) && (call.method !== 'GET' || TELLING.has(error.code))) {
      const refused = { event: 'act_refused', details: { refusal: error.code } }
      await trail.event(eventOf(call, caller, { ...refused, value: undefined })).catch(untold)
    }
    throw error
  }
}

function serveRead(endpoint: ReadEndpoint, options: ServeOptions): Route['handle'] {
  const { stored, findCaller, authorize, clock, policy, users, administrators } = options
  return async (call) => {
    const caller = await findCaller(call)
    return tellingRefusals(options, call, caller, async () => {
      readBody(call, undefined)
      const query = readQuery(call, endpoint.query) as Input
      const place = await findPlace(stored.reads, call, query)
      const standing = await authorize(stored.reads, caller, { allows: endpoint.allows, ...place })
      const { params } = call
      const common = { caller, standing, nowMs: clock.wallMs(), clock, policy, users, administrators }
      const request = { ...common, params, query, body: undefined, ...place }
      return unlessKnown(call, toAnswer(await endpoint.read(stored.reads, request), endpoint))
    })
  }
}

function unlessKnown(call: Call, answer: Answer): Answer {
  const etag = answer.headers['ETag']
  if (etag === undefined || headerOf(call, 'if-none-match') !== etag) return answer
  return { ...answer, status: 304, body: '' }
}

function serveAct(endpoint: ActEndpoint, options: ServeOptions): Route['handle'] {
  const { stored, findCaller, authorize, keptAnswers, clock, policy, trail, users, administrators } = options
  const carryOut = (call: Call, caller: Caller): Promise<Answer> => {
    const query = readQuery(call, undefined) as Input
    const body = readBody(call, endpoint.body) as Input
    return recorded(trail, call, (record) =>
      stored.transaction(REGISTRY_LOCK, async (tables) => {
        const place = await findPlace(tables, call, body ?? {})
        const standing = await authorize(tables, caller, { allows: endpoint.allows, ...place })
        const before = await keptAnswers.find(tables, caller.name, call)
        if (before !== undefined) return before
        const nowMs = clock.wallMs()
        const common = { caller, standing, nowMs, clock, policy, users, administrators }
        const request = { ...common, params: call.params, query, body, ...place }
        await requireMatch(endpoint, call, () => revisionOf(endpoint, tables, request))
        const result = await endpoint.act(tables, request)
        const answer = toAnswer(result, endpoint)
        await keptAnswers.keep(tables, caller.name, call, { answer, nowMs })
        await noteAct(tables, toldAct(caller, result, place.tenant), nowMs)
        await record(caller, result)
        return answer
      }),
    )
  }
  return async (call) => {
    const caller = await findCaller(call)
    return tellingRefusals(options, call, caller, async () => carryOut(call, caller))
  }
}

/** What receivers of events are told of an act: no person, and where it was done. */
export function toldAct(
  { kind, name }: Caller,
  { event, details }: Pick<ActResult, 'event' | 'details'>,
  tenant: string | undefined,
): ToldAct {
  const where = tenant === undefined ? {} : { tenant }
  return { event, details: { ...(kind === 'agent' ? { caller: name } : {}), ...where, ...details } }
}

/**
 * The record is durable before the transaction commits: an act that cannot be recorded is not done. An act that was recorded
 * and could not be committed is taken back by a second record.
 */
export async function recorded(
  trail: ServeOptions['trail'],
  call: Call,
  work: (record: (caller: Caller, result: ActResult) => Promise<void>) => Promise<Answer>,
): Promise<Answer> {
  let isRecorded = false
  try {
    return await work(async (caller, result) => {
      await trail.event(eventOf(call, caller, result))
      isRecorded = true
    })
  } catch (error) {
    if (isRecorded) await trail.event({ event: 'act_not_carried_out', details: { act: call.requestId } }).catch(untold)
    throw error
  }
}

/** The caller hears of the failure itself. */
function untold(): void {}

function eventOf(call: Call, caller: Caller, { event, details, people = {} }: ActResult): AuditEvent {
  const { requestId, method, template } = call
  const by =
    caller.kind !== 'person'
      ? { details: { caller: caller.name }, people: {} }
      : { details: {}, people: { caller: caller.name } }
  return {
    event,
    details: { act: requestId, method, route: template, ...by.details, ...details },
    private: { ...by.people, ...people },
  }
}

type Place = Pick<Request<unknown, unknown>, 'agent' | 'tenant'>

async function findPlace(tables: RegistryReads, { params }: Call, input: Input): Promise<Place> {
  const { agent: id, tenant: named } = params
  if (id !== undefined) {
    const agent = await findAgentRow(tables, id)
    return { agent, tenant: agent.tenant }
  }
  const tenant = named ?? (typeof input['tenant'] === 'string' ? input['tenant'] : undefined)
  return { agent: undefined, tenant }
}

function revisionOf(
  endpoint: ActEndpoint,
  tables: RegistryReads,
  request: Request<Input, Input>,
): Promise<number | undefined> {
  return endpoint.revision === undefined ? Promise.resolve(request.agent?.revision) : endpoint.revision(tables, request)
}

/** @throws Refusal `precondition_required`, `precondition_failed` */
async function requireMatch(
  { ifMatch }: ActEndpoint,
  call: Call,
  revision: () => Promise<number | undefined>,
): Promise<void> {
  const stated = headerOf(call, 'if-match')
  if (stated === undefined && ifMatch !== 'required') return
  if (stated === undefined) throw new Refusal('precondition_required', 'send If-Match with the ETag that you read')
  const current = await revision()
  if (stated === '*' || (current !== undefined && stated === etagOf(current))) return
  throw new Refusal('precondition_failed', 'it has changed since you read it; read it again')
}

function etagOf(revision: number): string {
  return `"r${revision}"`
}

function toAnswer({ status, value, revision, headers = {} }: Result, endpoint: Endpoint): Answer {
  const tag = revision === undefined ? {} : { ETag: etagOf(revision) }
  return jsonAnswer(status ?? endpoint.status ?? 200, value, { ...headers, ...tag })
}
