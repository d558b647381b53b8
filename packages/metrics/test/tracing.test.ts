import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { activeTrace, tracing } from '../src/otel.ts'
import { aDecision } from './a-decision.ts'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('test')

const TIMINGS = [
  { check: 'verifySignature', durationMs: 2 },
  { check: 'preventReplay', durationMs: 1 },
]

function decideInTrace(...given: Parameters<typeof aDecision>): string {
  return tracer.startActiveSpan('request', (span) => {
    tracing({ tracer }).decided?.(aDecision(...given))
    span.end()
    return span.spanContext().traceId
  })
}

function spansNamed(pattern: RegExp) {
  return exporter.getFinishedSpans().filter(({ name }) => pattern.test(name))
}

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
beforeEach(() => exporter.reset())
afterAll(() => context.disable())

describe('tracing', () => {
  it('adds a span for every check under one for the guard, in the trace of the request', () => {
    const traceId = decideInTrace({ agentId: 'agt_1', timings: TIMINGS })
    const [guard] = spansNamed(/^countermark\.guard$/)
    const checks = spansNamed(/^countermark\.check /)
    expect(checks.map(({ name }) => name)).toEqual([
      'countermark.check verifySignature',
      'countermark.check preventReplay',
    ])
    expect(checks.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      checks.map(() => guard?.spanContext().spanId),
    )
    expect([guard, ...checks].map((span) => span?.spanContext().traceId)).toEqual([traceId, traceId, traceId])
    expect(guard?.attributes).toEqual({ 'countermark.outcome': 'allow', 'countermark.agent': 'agt_1' })
  })

  it('gives the spans the times of the checks', () => {
    decideInTrace({ timings: TIMINGS })
    const milliseconds = spansNamed(/check/).map(
      ({ duration: [seconds, nanoseconds] }) => seconds * 1000 + nanoseconds / 1e6,
    )
    expect(milliseconds).toEqual([2, 1])
  })

  it('names the code on the check that refused', () => {
    decideInTrace({ timings: TIMINGS, check: 'preventReplay', code: 'replay_detected' })
    const codes = spansNamed(/check/).map(({ attributes }) => attributes['countermark.code'])
    expect(codes).toEqual([undefined, 'replay_detected'])
  })

  it('writes nothing of an agent that has only said its name', () => {
    decideInTrace({ agentId: 'agt_1', level: 'identified' })
    expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toContain('agt_1')
  })

  it('makes no spans outside of a trace', () => {
    tracing({ tracer }).decided?.(aDecision({ timings: TIMINGS }))
    expect(exporter.getFinishedSpans()).toEqual([])
  })

  it('does not start with a tracer that is none', () => {
    expect(() => tracing({ tracer: {} as never })).toThrow('tracer must be')
  })
})

describe('activeTrace', () => {
  it('names the trace and the span of the request', () => {
    tracer.startActiveSpan('request', (span) => {
      const { traceId, spanId } = span.spanContext()
      expect(activeTrace()).toEqual({ trace_id: traceId, span_id: spanId })
      span.end()
    })
  })

  it('names no trace that is not kept', () => {
    const dropped = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 })
    expect(context.with(trace.setSpan(context.active(), dropped), activeTrace)).toBeUndefined()
  })

  it('names none where there is none', () => expect(activeTrace()).toBeUndefined())
})
