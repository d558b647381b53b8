import type { IncomingMessage, ServerResponse } from 'node:http'
import { promClient, type Register } from './registered-metric.ts'

/** A handler of node:http, and so of Express. */
export type RequestListener = (req: IncomingMessage, res: ServerResponse) => void

/**
 * Everything in a register as text for Prometheus.
 * @deprecated Use `register.metrics()`, which says the same.
 */
export function renderMetrics(register: Register = promClient().register): Promise<string> {
  return register.metrics()
}

/**
 * Answers a scrape with everything in the register. Mount it where Prometheus alone may come. When a metric cannot be
 * read the answer is 500, and a warning of the process says why.
 * @example app.get('/metrics', metricsHandler())
 */
export function metricsHandler(register: Register = promClient().register): RequestListener {
  const warnings = createScrapeWarnings()
  return function metrics(_req, res) {
    register.metrics().then(
      (text) => {
        warnings.succeeded()
        answer(res, 200, register.contentType, text)
      },
      (error: unknown) => {
        warnings.failed(error)
        answer(res, 500, 'text/plain', 'the metrics cannot be collected; a warning of the process says why\n')
      },
    )
  }
}

/** Says once why scrapes fail, and again when the reason is another one or they worked in between. */
function createScrapeWarnings(): { readonly succeeded: () => void; readonly failed: (error: unknown) => void } {
  let told: string | undefined
  return {
    succeeded: () => {
      told = undefined
    },
    failed: (error) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      if (message === told) return
      told = message
      const more = stack === undefined ? {} : { detail: stack }
      process.emitWarning(`the metrics cannot be collected: ${message}`, { type: 'CountermarkWarning', ...more })
    },
  }
}

/** Answers with JSON that is made anew each time. */
export function jsonHandler(read: () => unknown): RequestListener {
  return function json(_req, res) {
    answer(res, 200, 'application/json', JSON.stringify(read()))
  }
}

function answer(res: ServerResponse, status: number, type: string, body: string): void {
  // Something else, such as a time-out, has answered while the metrics were collected.
  if (res.headersSent) return
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}
