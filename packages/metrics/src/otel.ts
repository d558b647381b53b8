export { activeTrace, type TracingOptions, tracing } from './tracing.ts'
