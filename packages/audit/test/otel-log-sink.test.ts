import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import { otelLogSink } from '../src/otel.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'

function start() {
  const exporter = new InMemoryLogRecordExporter()
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
  const sink = otelLogSink({ logger: provider.getLogger('countermark') })
  const exported = async (): Promise<readonly ReadableLogRecord[]> => {
    await provider.forceFlush()
    return exporter.getFinishedLogRecords()
  }
  return { sink, provider, exported }
}

describeAuditSink('otel', { durable: false, repeated: 'told', failures: 'unnoticed' }, async () => {
  const { sink, provider, exported } = start()
  return {
    sink,
    read: async (chain) =>
      (await exported())
        .filter(({ attributes }) => attributes['countermark.chain'] === chain)
        .map(({ body }) => String(body)),
    breakDown: async () => undefined,
    recover: async () => undefined,
    close: () => provider.shutdown(),
  }
})

describe('a record as an OpenTelemetry log', () => {
  it('has a name, a time, a severity and attributes by the semantic conventions', async () => {
    const { sink, exported } = start()
    await sink.append(
      sealedRecords({
        chain: 'c',
        count: 1,
        values: { user: 'user_7', address: '192.0.2.7' },
        change: (record) => ({ ...record, decision: 'deny', code: 'insufficient_scope', status: 403 }),
      }),
    )
    const [log] = await exported()
    expect(log).toMatchObject({ eventName: 'countermark.decision', severityNumber: 13, severityText: 'WARN' })
    expect(log?.hrTime).toEqual([1_767_225_600, 0])
    expect(log?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/refunds/:id',
      'http.response.status_code': 403,
      'server.address': 'api.example.com',
      'client.address': '192.0.2.7',
      'user.id': 'user_7',
      'countermark.agent': 'agt_assistant',
      'countermark.code': 'insufficient_scope',
      'countermark.request_id': 'req_c-1',
      'countermark.seq': 1,
    })
  })

  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { logger: {} }],
    ['ERR_OPTION_UNKNOWN', { logger: { emit: () => undefined }, name: 'audit' }],
  ])('needs a logger: %s', (code, options) => {
    expect(() => otelLogSink(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
