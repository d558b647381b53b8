import { randomUUID } from 'node:crypto'
import type { AuditTrail } from '@countermark/audit'
import type { Clock } from '@countermark/core'
import { type Fetcher, signWebhook, webhookSecrets } from '@countermark/outbound'
import type { Transaction } from 'kysely'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'
import type { StoredTables } from '../storage/store.ts'
import type { ApprovalNoticeRow, ApprovalRow, ApprovalTables } from './approval-tables.ts'
import { sealNameOf } from './callback-endpoints.ts'

/** What notices are sent with. */
export interface NoticeOptions {
  readonly stored: StoredTables<ApprovalTables>
  readonly seal: SealAtRest
  readonly fetcher: Pick<Fetcher, 'notify'>
  readonly trail: Pick<AuditTrail, 'event'>
  readonly clock: Clock
  readonly onFault: (error: unknown) => void
}

/** Sends what was decided to where agents are told, until it arrives. */
export interface NoticeSender {
  /** Looks each second. Keeps no process from ending. */
  readonly start: () => void
  /** Ends with the notice that is on its way. */
  readonly close: () => Promise<void>
}

const LOCK = 'approval-notices'
const EACH_MS = 1000
const BATCH = 20
/** Longer than one attempt takes: what a process died with is sent again by another. */
const LEASE_MS = 60_000
const FIRST_PAUSE_MS = 5000
const LONGEST_PAUSE_MS = 3_600_000
/** Five seconds, doubled each time up to an hour: about a day. */
const MOST_ATTEMPTS = 32

/** Leaves a notice in the transaction that decides, for an agent that is told. */
export async function queueNotice(
  tables: Transaction<ApprovalTables>,
  { id: approval, agent, state }: ApprovalRow,
  nowMs: number,
): Promise<void> {
  const callback = tables.selectFrom('approval_callbacks').select('agent').where('agent', '=', agent)
  if ((await callback.executeTakeFirst()) === undefined) return
  const row = { id: `ntc_${randomUUID()}`, approval, agent, state, attempts: 0, created_at: nowMs, due_at: nowMs }
  await tables.insertInto('approval_notices').values(row).execute()
}

/** Creates what sends; any number of processes may. */
export function createNoticeSender(options: NoticeOptions): NoticeSender {
  let timer: NodeJS.Timeout | undefined
  let flight: Promise<void> | undefined
  let isClosed = false
  const sendDue = async (): Promise<void> => {
    for (const row of await takeDue(options)) if (!isClosed) await send(row, options)
  }
  const look = (): void => {
    flight ??= sendDue()
      .catch(options.onFault)
      .finally(() => {
        flight = undefined
      })
  }
  return {
    start: () => {
      timer ??= setInterval(look, EACH_MS).unref()
    },
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await flight
    },
  }
}

/** A row that is taken is due again when its sender has died. */
async function takeDue({ stored, clock }: NoticeOptions): Promise<readonly ApprovalNoticeRow[]> {
  const nowMs = clock.wallMs()
  const isDue = await stored.reads
    .selectFrom('approval_notices')
    .select('id')
    .where('due_at', '<=', nowMs)
    .limit(1)
    .execute()
  if (isDue.length === 0) return []
  return stored.transaction(LOCK, async (tables) => {
    const query = tables.selectFrom('approval_notices').selectAll().where('due_at', '<=', nowMs)
    const rows = await query.orderBy('due_at').limit(BATCH).execute()
    const taken = rows.map((row) => ({ ...row, attempts: row.attempts + 1, due_at: nowMs + LEASE_MS }))
    for (const { id, attempts, due_at } of taken) {
      await tables.updateTable('approval_notices').set({ attempts, due_at }).where('id', '=', id).execute()
    }
    return taken
  })
}

async function send(row: ApprovalNoticeRow, options: NoticeOptions): Promise<void> {
  const { stored, clock } = options
  const isTaken = await attempt(row, options)
  const isOver = isTaken || row.attempts >= MOST_ATTEMPTS
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (row.attempts - 1))
  await stored.transaction(LOCK, async (tables) => {
    if (isOver) await tables.deleteFrom('approval_notices').where('id', '=', row.id).execute()
    else {
      const due = { due_at: clock.wallMs() + pauseMs }
      await tables.updateTable('approval_notices').set(due).where('id', '=', row.id).execute()
    }
  })
  const { id: notice, approval, agent, attempts } = row
  if (isOver && !isTaken) {
    await options.trail.event({ event: 'approval_notice_given_up', details: { notice, approval, agent, attempts } })
  }
}

/** @returns whether the receiver has taken it */
async function attempt(row: ApprovalNoticeRow, { stored, seal, fetcher, clock }: NoticeOptions): Promise<boolean> {
  const query = stored.reads.selectFrom('approval_callbacks').selectAll().where('agent', '=', row.agent)
  const callback = await query.executeTakeFirst()
  // Removed since: there is nowhere to tell it.
  if (callback === undefined) return true
  const secret = seal.open(sealNameOf(row.agent), callback.secret).toString()
  const timestamp = new Date(row.created_at).toISOString()
  const task = { id: row.approval, status: row.state }
  const content = JSON.stringify({ type: `approval.${row.state}`, timestamp, data: { task, agent: row.agent } })
  const headers = signWebhook({ id: row.id, atMs: clock.wallMs(), content }, webhookSecrets('secret', secret))
  try {
    const { status } = await fetcher.notify(callback.url, content, headers)
    return status >= 200 && status < 300
  } catch {
    return false // whatever kept it away, it is tried again
  }
}
