export { type OtelLogSinkOptions, otelLogSink } from './sinks/otel-log-sink.ts'
