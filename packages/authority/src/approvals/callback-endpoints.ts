import { randomBytes } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type Fetcher, isOutboundError } from '@countermark/outbound'
import { z } from 'zod'
import { type Allowed, act, agentOf, type Endpoint, read } from '../api/endpoint.ts'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'
import { invalid, withApprovals } from './ask-approval.ts'

/** What addresses are registered with. */
export interface CallbackEndpointOptions {
  readonly seal: SealAtRest
  readonly fetcher: Pick<Fetcher, 'checkUrl'>
}

const OWNERS: readonly Allowed[] = ['admin', 'operator', 'owner']
const READERS: readonly Allowed[] = [...OWNERS, 'auditor', 'self']
const PATH = '/agents/{agent}/approval-callback'
const SECRET_BYTES = 32

const CALLBACK = z.object({ agent: z.string(), url: z.string(), setBy: z.string(), setAt: z.number() })
const SET = z.object({ agent: z.string(), url: z.string(), secret: z.string() })

/** What a secret is sealed for. */
export function sealNameOf(agent: string): string {
  return `approval-callback:${agent}`
}

/** Where agents are told what people decided. Owners say where; a request for approval cannot. */
export function callbackEndpoints({ seal, fetcher }: CallbackEndpointOptions): readonly Endpoint[] {
  return [
    act({
      ...{ method: 'PUT', path: PATH, operation: 'setApprovalCallback' },
      summary: 'Say where the agent is told what was decided; the secret that signs it is told once',
      allows: OWNERS,
      body: z.strictObject({ url: z.string().min(1).max(2048) }),
      answer: SET,
      act: async (tables, request) => {
        const { id: agent } = agentOf(request)
        const { url } = request.body
        requireUsable(url, fetcher)
        const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
        const sealed = seal.seal(sealNameOf(agent), Buffer.from(secret))
        const row = { agent, url, secret: sealed, set_by: request.caller.name, set_at: request.nowMs }
        const insert = withApprovals(tables).insertInto('approval_callbacks').values(row)
        await insert.onConflict((conflict) => conflict.column('agent').doUpdateSet(row)).execute()
        return { value: { agent, url, secret }, event: 'approval_callback_set', details: { agent, url } }
      },
    }),
    act({
      ...{ method: 'DELETE', path: PATH, operation: 'removeApprovalCallback', summary: 'Tell the agent nowhere' },
      allows: OWNERS,
      answer: z.object({ agent: z.string() }),
      act: async (tables, request) => {
        const { id: agent } = agentOf(request)
        await withApprovals(tables).deleteFrom('approval_callbacks').where('agent', '=', agent).execute()
        await withApprovals(tables).deleteFrom('approval_notices').where('agent', '=', agent).execute()
        return { value: { agent }, event: 'approval_callback_removed', details: { agent } }
      },
    }),
    read({
      ...{ path: PATH, operation: 'getApprovalCallback', summary: 'Where the agent is told; not the secret' },
      allows: READERS,
      answer: CALLBACK,
      read: async (tables, request) => {
        const query = withApprovals(tables).selectFrom('approval_callbacks').selectAll()
        const row = await query.where('agent', '=', agentOf(request).id).executeTakeFirst()
        if (row === undefined) throw new Refusal('not_found', 'the agent is told nowhere')
        return { value: { agent: row.agent, url: row.url, setBy: row.set_by, setAt: row.set_at } }
      },
    }),
  ]
}

/** Told now, and not when the first notice cannot be sent. What the name resolves to is checked for each notice. */
function requireUsable(url: string, { checkUrl }: Pick<Fetcher, 'checkUrl'>): void {
  try {
    checkUrl(url)
  } catch (error) {
    if (isOutboundError(error)) throw invalid('/url', error.message)
    throw error
  }
}
