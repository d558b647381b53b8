import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Register } from './collector.ts'
import { promClient } from './prom-client.ts'
import { renderMetrics } from './render-metrics.ts'

/** A handler of node:http, and so of Express. */
export type RequestListener = (req: IncomingMessage, res: ServerResponse) => void

/**
 * Answers a scrape with {@link renderMetrics}. Mount it where Prometheus may come and nobody else.
 * @example app.get('/metrics', metricsHandler())
 */
export function metricsHandler(register: Register = promClient().register): RequestListener {
  return function metrics(_req, res) {
    renderMetrics(register).then(
      (text) => answer(res, 200, register.contentType, text),
      () => answer(res, 500, 'text/plain', 'the metrics cannot be collected\n'),
    )
  }
}

/** Answers with JSON that is made anew each time. */
export function jsonHandler(read: () => unknown): RequestListener {
  return function json(_req, res) {
    answer(res, 200, 'application/json', JSON.stringify(read()))
  }
}

function answer(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}
