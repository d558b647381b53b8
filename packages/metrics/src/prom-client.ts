import { createRequire } from 'node:module'

/**
 * prom-client, and OpenTelemetry beneath it, loaded when the first metric is made: a program that only
 * imports this package does not pay for them. Bundlers see the plain `require`, ES modules have the other one.
 */
export function promClient(): typeof import('prom-client') {
  return typeof require === 'function' ? require('prom-client') : createRequire(import.meta.url)('prom-client')
}
