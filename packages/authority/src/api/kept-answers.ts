import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type Answer, type Call, headerOf } from '../http/call.ts'
import type { RegistryTransaction } from '../registry/registry-tables.ts'
import type { SealAtRest } from '../signing-keys/sealed-key.ts'

const KEEP_MS = 86_400_000
const KEY = /^[\x20-\x7e]{1,255}$/

/** Answers that are given again, by the caller's `Idempotency-Key`. */
export interface KeptAnswers {
  /** The answer of the first request with this key; `undefined` when this is it. @throws Refusal `idempotency_key_reused` */
  readonly find: (tables: RegistryTransaction, caller: string, call: Call) => Promise<Answer | undefined>
  /** Keeps it for a day, in the transaction that it tells of. */
  readonly keep: (tables: RegistryTransaction, caller: string, call: Call, kept: KeptAnswer) => Promise<void>
}

/** An answer and when it was given. */
export interface KeptAnswer {
  readonly answer: Answer
  readonly nowMs: number
}

/** Keeps answers sealed: one of them may hold a code that is told once. */
export function createKeptAnswers(seal: SealAtRest): KeptAnswers {
  return {
    find: async (tables, caller, call) => {
      const key = keyOf(call)
      if (key === undefined) return undefined
      const query = tables.selectFrom('kept_answers').selectAll().where('caller', '=', caller).where('key', '=', key)
      const row = await query.executeTakeFirst()
      if (row === undefined) return undefined
      if (row.digest !== digestOf(call)) {
        throw new Refusal('idempotency_key_reused', 'this Idempotency-Key belongs to another request of yours')
      }
      return JSON.parse(seal.open(nameOf(caller, key), row.answer).toString('utf8'))
    },
    keep: async (tables, caller, call, { answer, nowMs }) => {
      const key = keyOf(call)
      if (key === undefined) return
      await tables
        .deleteFrom('kept_answers')
        .where('created_at', '<', nowMs - KEEP_MS)
        .execute()
      const sealed = seal.seal(nameOf(caller, key), Buffer.from(JSON.stringify(answer)))
      const row = { caller, key, digest: digestOf(call), answer: sealed, created_at: nowMs }
      await tables.insertInto('kept_answers').values(row).execute()
    },
  }
}

function keyOf(call: Call): string | undefined {
  const key = headerOf(call, 'idempotency-key')
  if (key === undefined || KEY.test(key)) return key
  throw new Refusal('request_malformed', 'an Idempotency-Key has 1 to 255 printable ASCII characters')
}

function nameOf(caller: string, key: string): string {
  return `answer ${caller} ${key}`
}

function digestOf({ method, originalUrl, body }: Call): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${method} ${originalUrl}\n`), body]), 'base64url')
}
