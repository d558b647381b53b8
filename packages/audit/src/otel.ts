export { type OtelLogSink, type OtelLogSinkOptions, otelLogSink } from './otel/otel-log-sink.ts'
