import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import { AnsweredElsewhere, problemOf } from '../http/problem.ts'
import { type AgentDocument, agentDocument, findByKey, findSelected } from '../registry/document.ts'
import type { AgentRow, KeyRow } from '../registry/registry-tables.ts'
import type { ServeOptions } from './serve.ts'

/** What the documents for doors are served with. */
export interface DocumentOptions extends Pick<ServeOptions, 'stored' | 'policy' | 'clock'> {
  /** Tokens of doors; without any, everybody may read. */
  readonly doorTokens: readonly string[]
}

const MOST_AGENTS = 10_000
const MAX_AGE_SECONDS = 30

/** What `registry(url)` of @countermark/keys reads: agents of every tenant, and of one. */
export function documentRoutes(options: DocumentOptions): readonly Route[] {
  const mayRead = createDoorCheck(options.doorTokens)
  return ['/registry', '/tenants/{tenant}/registry'].flatMap((path): Route[] => [
    { method: 'GET', path, handle: guarded(mayRead, (call) => answerQuery(call, options)) },
    { method: 'GET', path: `${path}/{agent}`, handle: guarded(mayRead, (call) => answerAgent(call, options)) },
  ])
}

function guarded(mayRead: (call: Call) => boolean, handle: Route['handle']): Route['handle'] {
  return async (call) => {
    if (mayRead(call)) return handle(call)
    const refusal = new Refusal('credentials_missing', 'send the token of a door as Authorization: Bearer')
    const answer = problemOf(refusal, call.requestId, () => undefined)
    throw new AnsweredElsewhere({ ...answer, headers: { ...answer.headers, 'WWW-Authenticate': 'Bearer' } })
  }
}

function createDoorCheck(tokens: readonly string[]): (call: Call) => boolean {
  const known = tokens.map(digestOf)
  return (call) => {
    if (known.length === 0) return true
    const presented = digestOf(/^Bearer (.+)$/i.exec(headerOf(call, 'authorization') ?? '')?.[1] ?? '')
    return known.filter((digest) => timingSafeEqual(digest, presented)).length > 0
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

async function answerAgent(call: Call, options: DocumentOptions): Promise<Answer> {
  const { agent: id = '', tenant } = call.params
  const row = await findSelected(options.stored.reads, id, { tenant })
  if (row === undefined) throw new Refusal('not_found', 'no agent has this id')
  return answerDocument(call, await write(row, options))
}

async function answerQuery(call: Call, options: DocumentOptions): Promise<Answer> {
  const { tenant } = call.params
  const { reads } = options.stored
  const name = call.query.get('keyid')
  if (name !== null) {
    const rows = await findByKey(reads, name, { tenant })
    const isNamed = ({ kid, thumbprint }: KeyRow): boolean => kid === name || thumbprint === name
    return answerDocument(call, { agents: await Promise.all(rows.map((row) => write(row, options, isNamed))) })
  }
  const all = reads.selectFrom('agents').selectAll().where('state', '!=', 'retired')
  const some = tenant === undefined ? all : all.where('tenant', '=', tenant)
  const rows = await some.orderBy('changed_at', 'desc').limit(MOST_AGENTS).execute()
  const agents: AgentDocument[] = []
  for (const row of rows) agents.push(await write(row, options))
  return answerDocument(call, { agents })
}

function write(
  row: AgentRow,
  { stored, policy, clock }: DocumentOptions,
  keep?: (key: KeyRow) => boolean,
): Promise<AgentDocument> {
  return agentDocument(stored.reads, row, { policy, nowMs: clock.wallMs() }, keep)
}

function answerDocument(call: Call, value: unknown): Answer {
  const answer = jsonAnswer(200, value)
  const etag = `"${hash('sha256', answer.body, 'base64url')}"`
  const headers = { ...answer.headers, ETag: etag, 'Cache-Control': `private, max-age=${MAX_AGE_SECONDS}` }
  return headerOf(call, 'if-none-match') === etag ? { status: 304, headers, body: '' } : { ...answer, headers }
}
