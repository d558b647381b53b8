import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempFolder, findFreePort, findProgram, type StartedProgram, startProgram } from '@countermark/testing'
import { METRICS_FOLDER } from './dashboard-files.ts'

/** A Prometheus that scrapes the demo, with the rules that are shipped. */
export interface StartedPrometheus {
  readonly url: string
  /** The value of each series that an expression finds now, by its labels. */
  readonly query: (expr: string) => Promise<readonly Sample[]>
  /** Alerts that fire now. */
  readonly firing: () => Promise<readonly string[]>
  readonly stop: () => Promise<void>
}

/** One series at one moment. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What is scraped under one job. */
export interface ScrapeTarget {
  readonly job: string
  /** `host:port` of each process. */
  readonly instances: readonly string[]
}

/** What is not as the demo has it. */
export interface PrometheusSettings {
  /** Text of the alert rules. @default those that are shipped */
  readonly alerts?: string
  /** `host:port` of an Alertmanager. @default none */
  readonly alertmanager?: string
  /** How often it scrapes and evaluates. @default 1 */
  readonly everySeconds?: number
}

/** Starts Prometheus on a free port in a temporary folder; `undefined` where it is not installed. */
export async function startPrometheus(
  targets: readonly ScrapeTarget[],
  settings: PrometheusSettings = {},
): Promise<StartedPrometheus | undefined> {
  const command = findProgram('prometheus')
  if (command === undefined) return undefined
  const folder = await createTempFolder()
  const port = await findFreePort()
  for (const name of ['countermark.rules.yaml', 'countermark.alerts.yaml']) {
    copyFileSync(join(METRICS_FOLDER, 'prometheus', name), join(folder.path, name))
  }
  if (settings.alerts !== undefined) writeFileSync(join(folder.path, 'countermark.alerts.yaml'), settings.alerts)
  writeFileSync(join(folder.path, 'prometheus.yaml'), configOf(targets, settings))
  const program = await startProgram({
    command,
    folder: folder.path,
    arguments: [
      '--config.file=prometheus.yaml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ],
    ready: /Server is ready to receive web requests/,
  })
  return { ...createQueries(`http://127.0.0.1:${port}`), stop: () => end(program, folder.remove) }
}

function configOf(targets: readonly ScrapeTarget[], { alertmanager, everySeconds = 1 }: PrometheusSettings): string {
  const scrapes = targets.map(({ job, instances }) => ({ job_name: job, static_configs: [{ targets: instances }] }))
  const every = `${everySeconds}s`
  // JSON is YAML.
  return JSON.stringify({
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ['countermark.rules.yaml', 'countermark.alerts.yaml'],
    scrape_configs: scrapes,
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
  })
}

function createQueries(url: string): Omit<StartedPrometheus, 'stop'> {
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`)
    const answer: { readonly data?: unknown; readonly error?: string } = JSON.parse(await response.text())
    if (!response.ok) throw new Error(`Prometheus answered ${response.status}: ${answer.error}`)
    return answer.data
  }
  return {
    url,
    query: async (expr) => toSamples(await ask(`/api/v1/query?query=${encodeURIComponent(expr)}`)),
    firing: async () => {
      const samples = toSamples(await ask(`/api/v1/query?query=${encodeURIComponent('ALERTS{alertstate="firing"}')}`))
      return [...new Set(samples.map(({ labels }) => labels['alertname'] ?? ''))].sort()
    },
  }
}

interface VectorData {
  readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]
}

function toSamples(data: unknown): readonly Sample[] {
  return (data as VectorData).result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

async function end(program: StartedProgram, removeFolder: () => Promise<void>): Promise<void> {
  await program.stop()
  await removeFolder()
}
