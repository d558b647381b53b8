import type { Insertable } from 'kysely'
import type { AuditRecord } from '../record/audit-record.ts'
import type { SealedRecord } from '../record/chain.ts'
import type { AuditRow } from './audit-tables.ts'

/** A record as a row. */
export function toAuditRow({ chain, seq, hash, record, private: erasable, line }: SealedRecord): Insertable<AuditRow> {
  const { type, at } = record
  return {
    ...{ chain, seq, hash, type, at, line },
    request_id: column(record.type === 'event' ? undefined : record.requestId),
    agent: column(agentOf(record)),
    subject: column(erasable['user']?.value),
    data_class: column(record.type === 'decision' ? record.resource.dataClass : undefined),
  }
}

function agentOf(record: AuditRecord): string | undefined {
  return record.type === 'decision' ? record.agent?.id : undefined
}

/** PostgreSQL has no NUL in text. The line has it, escaped. */
function column(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll('\u0000', '\ufffd')
}
