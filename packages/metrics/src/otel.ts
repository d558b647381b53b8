import { type Decision, Misconfigured, type Observer, requireKnownOptions } from '@countermark/core'
import { type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'

/** Options of {@link tracing}. */
interface TracingOptions {
  /** Makes the spans. @default the global tracer named `@countermark/metrics` */
  readonly tracer?: Tracer
}

const NAME = '@countermark/metrics'

/**
 * Adds a span for every check to the trace of the request, under one for its guard, with the times that the guard took. Names
 * and attributes are closed words and an agent's proven id: nothing that a caller chooses.
 * @example createGuard({ origins: ['api.example.com'], observers: [tracing()] })
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function tracing(options: TracingOptions = {}): Observer {
  requireKnownOptions('tracing', options, ['tracer'])
  const { tracer = trace.getTracer(NAME) } = options
  if (typeof tracer?.startSpan !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'tracer must be a tracer of @opentelemetry/api')
  }
  return {
    decided: (decision) => {
      // Without a trace of the request, spans would lead nowhere.
      if (trace.getActiveSpan()?.isRecording() === true) writeSpans(tracer, decision)
    },
  }
}

/**
 * The trace of the request at hand, as labels of an exemplar: `prometheusMetrics({ exemplar: activeTrace })`. Only traces
 * that are kept are named.
 */
export function activeTrace(): Readonly<Record<string, string>> | undefined {
  const context = trace.getActiveSpan()?.spanContext()
  if (context === undefined || (context.traceFlags & 1) === 0) return undefined
  return { trace_id: context.traceId, span_id: context.spanId }
}

/** The guard has decided just now, and its checks ran one after the other. */
function writeSpans(tracer: Tracer, { atMs, timings, outcome, check, refusal, agent }: Decision): void {
  const totalMs = timings.reduce((sum, { durationMs }) => sum + durationMs, 0)
  let startTime = atMs - totalMs
  const parent = trace.getActiveSpan()
  tracer.startActiveSpan('countermark.guard', { kind: SpanKind.INTERNAL, startTime }, (guard) => {
    for (const { check: name, durationMs } of timings) {
      const span = tracer.startSpan(`countermark.check ${name}`, { startTime })
      if (refusal !== undefined && name === check) markRefused(span, refusal.code)
      startTime += durationMs
      span.end(startTime)
    }
    guard.setAttribute('countermark.outcome', outcome)
    if (agent !== undefined && agent.level !== 'identified') guard.setAttribute('countermark.agent', agent.id)
    if (refusal !== undefined) markRefused(guard, refusal.code)
    guard.end(atMs)
  })
  if (refusal !== undefined) parent?.setAttribute('countermark.code', refusal.code)
}

/** An attribute and no status: a refusal is a guard at work, not an error of the service. */
function markRefused(span: Span, code: string): void {
  span.setAttribute('countermark.code', code)
}
