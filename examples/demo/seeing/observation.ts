import { createPrivateKey } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type AuditTrail, auditTrail, dataClasses, fileAnchor, fileSink } from '@countermark/audit'
import type { GuardOptions } from '@countermark/core'
import { jsonHandler, metricsHandler, prometheusMetrics } from '@countermark/metrics'
import type { BackendConfig } from '../backend-config.ts'

/** How a backend lets itself be looked at: metrics on a port of their own, and an audit trail. */
export interface Observation extends Required<Pick<GuardOptions, 'observers' | 'recorder'>> {
  readonly trail: AuditTrail
  /** Answers `/metrics` and `/failures` to whoever is on this machine. */
  readonly listen: () => Promise<Server>
}

/** Prepares both. The trail's checkpoints go to another folder than the trail: in production to another machine. */
export function createObservation(config: BackendConfig): Observation {
  const { audit, service, port, metricsPort } = config
  const metrics = prometheusMetrics()
  const name = `${service}-${port}`
  const trail = auditTrail({
    sinks: [fileSink({ path: join(audit.folder, `${name}.ndjson`) })],
    // That of a machine that does everything at once.
    deadlineMs: 10_000,
    checkpoints: {
      key: createPrivateKey(audit.checkpointKey),
      anchors: [fileAnchor({ path: join(audit.anchorFolder, `${name}.checkpoints`) })],
      everyRecords: 100,
      everySeconds: 2,
    },
    dataClass: dataClasses({ '/customers/:customer': 'personal', '/v1/customers/:customer': 'personal' }),
  })
  const failures = jsonHandler(() => metrics.topFailures(20))
  const show = metricsHandler()
  const listen = (): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        if (request.url === '/failures') return failures(request, response)
        if (request.url === '/metrics') return show(request, response)
        response.writeHead(404).end()
      })
      server.listen(metricsPort, '127.0.0.1', () => resolve(server))
    })
  return { observers: [metrics], recorder: trail, trail, listen }
}
