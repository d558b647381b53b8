import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { z } from 'zod'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import { type AgentDocument, agentDocument, findByKey, findSelected } from '../registry/document.ts'
import { listDocuments } from '../registry/document-list.ts'
import { noteKeyUses } from '../registry/key-uses.ts'
import type { AgentRow, KeyRow } from '../registry/registry-tables.ts'
import { createDoorCheck } from '../stop/door-check.ts'
import { readBody } from './input.ts'
import { time } from './schemas.ts'
import type { ServeOptions } from './serve.ts'

/** What the documents for doors are served with. */
export interface DocumentOptions extends Pick<ServeOptions, 'stored' | 'policy' | 'clock'> {
  /** Tokens of doors; without any, everybody may read. */
  readonly doorTokens: readonly string[]
}

/** One answer lists so many agents, the latest changed first; backends ask for others by id. Strangers must not keep the database busy. */
const MOST_AGENTS = { doors: 10_000, everybody: 500 } as const
const MAX_AGE_SECONDS = 30

const USES = z.strictObject({
  uses: z.array(z.strictObject({ thumbprint: z.string().min(1).max(64), usedAt: time })).max(1000),
})

/** What `registry(url)` of @countermark/keys reads: agents of every tenant, and of one. */
export function documentRoutes(options: DocumentOptions): readonly Route[] {
  const guarded = createDoorCheck(options.doorTokens, 'open')
  const documents = ['/registry', '/tenants/{tenant}/registry'].flatMap((path): Route[] => [
    { method: 'GET', path, handle: guarded((call) => answerQuery(call, options)) },
    { method: 'GET', path: `${path}/{agent}`, handle: guarded((call) => answerAgent(call, options)) },
  ])
  const handle = guarded((call) => answerUses(call, options))
  return [...documents, { method: 'POST', path: '/registry/key-uses', handle }]
}

/** Doors tell which keys they have seen, so that owners know which versions are still in use. */
async function answerUses(call: Call, { stored, clock, doorTokens }: DocumentOptions): Promise<Answer> {
  if (doorTokens.length === 0)
    throw new Refusal('role_missing', 'only doors with a token report uses (option doorTokens)')
  const { uses } = readBody(call, USES) as z.output<typeof USES>
  return jsonAnswer(200, { noted: await noteKeyUses(stored, uses, clock.wallMs()) })
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
  const most = options.doorTokens.length > 0 ? MOST_AGENTS.doors : MOST_AGENTS.everybody
  const rules = { policy: options.policy, nowMs: options.clock.wallMs() }
  return answerDocument(call, { agents: await listDocuments(reads, { tenant }, rules, most) })
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
