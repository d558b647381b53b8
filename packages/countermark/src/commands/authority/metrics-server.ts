import { isMisconfigured, type Observer } from '@countermark/core'
import { metricsHandler, prometheusMetrics } from '../../parts-on-first-use.ts'
import { CommandError } from '../errors.ts'
import { type ListenAddress, type ListeningServer, listen } from './http-server.ts'

/** What watches the authority, and where it is asked. */
export interface MetricsServer extends ListeningServer {
  readonly observer: Observer
}

/** A server of its own: metrics are for Prometheus alone, not for agents. @throws CommandError without prom-client */
export async function openMetrics(place: ListenAddress | undefined): Promise<MetricsServer | undefined> {
  if (place === undefined) return undefined
  try {
    const observer = prometheusMetrics()
    return { observer, ...(await listen(metricsHandler(), place)) }
  } catch (error) {
    if (!isMisconfigured(error) || error.code !== 'ERR_DEPENDENCY_MISSING') throw error
    throw new CommandError('metrics need prom-client', 'npm install prom-client, or leave --metrics-listen out')
  }
}
