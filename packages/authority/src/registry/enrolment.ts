import { hash, randomBytes, randomUUID } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { requireAlive } from './agent-life.ts'
import type { AgentRow, EnrolmentCodeRow, RegistryReads, RegistryTransaction } from './registry-tables.ts'

/** A code as it is told, once. */
export interface IssuedCode {
  readonly id: string
  readonly code: string
  /** Unix milliseconds. */
  readonly expiresAt: number
}

const CODE_BYTES = 20
const MOST_OPEN = 20

/** Issues a code by which one key of this agent enrols. @throws Refusal `state_conflict` */
export async function issueCode(
  tables: RegistryTransaction,
  agent: AgentRow,
  { createdBy, ttlSeconds, nowMs }: { readonly createdBy: string; readonly ttlSeconds: number; readonly nowMs: number },
): Promise<IssuedCode> {
  requireAlive(agent)
  const open = await tables
    .selectFrom('enrolment_codes')
    .select('id')
    .where('agent', '=', agent.id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs)
    .execute()
  if (open.length >= MOST_OPEN) throw new Refusal('state_conflict', `at most ${MOST_OPEN} codes of an agent are open`)
  const code = `enrol_${randomBytes(CODE_BYTES).toString('base64url')}`
  const row: EnrolmentCodeRow = {
    ...{ id: randomUUID(), hash: hashCode(code), agent: agent.id, created_by: createdBy },
    ...{ created_at: nowMs, expires_at: nowMs + ttlSeconds * 1000, used_at: null },
  }
  await tables.insertInto('enrolment_codes').values(row).execute()
  return { id: row.id, code, expiresAt: row.expires_at }
}

/** The agent of a code that can be used now. Says no more of any other: who guesses learns nothing. @throws Refusal `enrolment_refused` */
export async function findCode(tables: RegistryReads, code: string, nowMs: number): Promise<EnrolmentCodeRow> {
  const row = await tables
    .selectFrom('enrolment_codes')
    .selectAll()
    .where('hash', '=', hashCode(code))
    .executeTakeFirst()
  if (row === undefined || row.used_at !== null || !(nowMs < row.expires_at)) throw refused()
  return row
}

/** Uses a code up. Called inside of the transaction that found it. */
export async function useCode(tables: RegistryTransaction, { id }: EnrolmentCodeRow, nowMs: number): Promise<void> {
  const update = tables.updateTable('enrolment_codes').set({ used_at: nowMs }).where('id', '=', id)
  const { numUpdatedRows } = await update.where('used_at', 'is', null).executeTakeFirst()
  if (Number(numUpdatedRows) !== 1) throw refused()
}

function refused(): Refusal {
  return new Refusal('enrolment_refused', 'the code is unknown, used up or too old; ask the owner for a new one')
}

function hashCode(code: string): string {
  return hash('sha256', code, 'base64url')
}
