import { methods, optionTable } from '@countermark/core/internal'
import type { LogAttributes, Logger, LogRecord } from '@opentelemetry/api-logs'
import type { AuditRecord } from '../record/audit-record.ts'
import type { PlacedRecord } from '../record/chain.ts'
import { type RecordFields, recordFields } from './record-fields.ts'
import { type CopySink, createCopySink } from './sink.ts'

/** Options of {@link otelLogSink}. */
export interface OtelLogSinkOptions {
  /** `logs.getLogger('countermark')`, or one of a provider of your own. */
  readonly logger: Pick<Logger, 'emit'>
}

/** Names of the semantic conventions where there are some; everything else gets a prefix. */
const CONVENTIONS: Readonly<Partial<Record<keyof RecordFields, string>>> = {
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  authority: 'server.address',
  address: 'client.address',
  user: 'user.id',
}

/** Severity numbers of the log data model: INFO, INFO2, WARN. */
const SEVERITY = {
  allow: { severityNumber: 9, severityText: 'INFO' },
  observe: { severityNumber: 10, severityText: 'INFO2' },
  deny: { severityNumber: 13, severityText: 'WARN' },
} as const

const OPTIONS = optionTable('otelLogSink', {
  logger: methods<OtelLogSinkOptions['logger']>(['emit'], "such as logs.getLogger('countermark')"),
})

/**
 * Emits records as OpenTelemetry logs: the line as the body, its fields as attributes, named `countermark.decision`,
 * `countermark.outcome` or `countermark.event`. Exporters batch, drop and retry unseen, so it holds a copy at best.
 * @example
 * auditTrail({ sinks: [fileSink({ path }), otelLogSink({ logger: logs.getLogger('countermark') })] })
 */
export function otelLogSink(options: OtelLogSinkOptions): CopySink {
  const { logger } = OPTIONS.read(options)
  return createCopySink({
    name: 'otel',
    write: async (records) => {
      for (const placed of records) logger.emit(toLog(placed))
    },
  })
}

function toLog(placed: PlacedRecord): LogRecord {
  const { record, line } = placed
  return {
    ...SEVERITY[severityOf(record)],
    eventName: `countermark.${record.type}`,
    timestamp: new Date(record.at),
    body: line,
    attributes: toAttributes(recordFields(placed)),
  }
}

function severityOf(record: AuditRecord): keyof typeof SEVERITY {
  return record.type === 'decision' ? record.decision : 'allow'
}

function toAttributes(fields: RecordFields): LogAttributes {
  const named = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(named.map(([name, value]) => [attributeName(name), value]))
}

function attributeName(name: string): string {
  const conventions: Readonly<Record<string, string | undefined>> = CONVENTIONS
  return conventions[name] ?? `countermark.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
}
