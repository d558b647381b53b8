import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import type { Observer } from '@countermark/core'
import { isJsonObject, parseStrictJson, type RedisClient } from '@countermark/core/internal'
import type { RiskPolicy } from '@countermark/risk'
import type { RiskAlerts } from '@countermark/risk/alerts'
import type { RiskEventSource, RiskRole, RiskServer, RiskServiceToken } from '@countermark/risk/service'
import { Command } from 'commander'
import { untilAborted } from '../authority/authority.ts'
import { listen, readAddress } from '../authority/http-server.ts'
import { openMetrics } from '../authority/metrics-server.ts'
import type { CommandContext } from '../command-context.ts'
import { CommandError, reasonOf } from '../errors.ts'
import { openRedis } from '../installed-package.ts'
import { paint, say, sayJson, type Terminal } from '../terminal.ts'

interface ServeOptions {
  readonly listen: string
  readonly metricsListen?: string
  readonly policy?: string
  readonly snapshot: string
  readonly audit: string
  readonly events: readonly string[]
  readonly redis?: string
  readonly stream?: string
  readonly alerts?: string
  readonly alertsInside?: boolean
  readonly json?: boolean
}

/** `countermark risk serve`: runs the service until it is told to end. */
export function serveCommand({ terminal }: CommandContext): Command {
  return new Command('serve')
    .summary('run the service')
    .description('Who may call is in COUNTERMARK_RISK_TOKENS, as name:role+role:token, separated by commas.')
    .option('--listen <address>', 'where it listens', '127.0.0.1:7070')
    .option('--metrics-listen <address>', 'where Prometheus asks (default: nowhere)')
    .option('--policy <file>', 'how behaviour is judged, JSON: limits, baseline, levels …')
    .option('--snapshot <file>', 'where levels and baselines outlive a restart', 'risk-levels.ndjson')
    .option('--audit <file>', 'the trail of changes and reviews', 'risk-audit.ndjson')
    .option('--events <files...>', 'files of an event stream or an audit trail, followed', [])
    .option('--redis <url>', 'a server with a stream of events (default: none)')
    .option('--stream <key>', 'the key of that stream (default: countermark:audit)')
    .option('--alerts <url>', 'where changes of level are posted; COUNTERMARK_RISK_ALERT_SECRET signs them')
    .option('--alerts-inside', 'that address may be http: and in a private network')
    .option('--json', 'for machines')
    .action((options: ServeOptions) => serve(terminal, options))
}

async function serve(terminal: Terminal, options: ServeOptions): Promise<void> {
  const ending = terminal.ending()
  const closing: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close()
  }
  try {
    const { risk, alerts, metricsAddress, tokens } = await start(terminal, options, closing)
    const server = await listen(
      (message, response) => void risk.handle(message, response),
      readAddress('listen', options.listen),
    )
    closing.push(server.end)
    tell(terminal, options, { address: server.address, metricsAddress, tokens, hasAlerts: alerts !== undefined })
    await untilAborted(ending)
    if (options.json !== true) say(terminal, 'ending: what is under way is finished first, and levels are kept')
  } finally {
    await closeAll()
  }
}

interface Started {
  readonly risk: RiskServer
  readonly alerts: RiskAlerts | undefined
  readonly metricsAddress: string | undefined
  readonly tokens: readonly RiskServiceToken[]
}

async function start(terminal: Terminal, options: ServeOptions, closing: (() => unknown)[]): Promise<Started> {
  const { createRiskServer } = await import('@countermark/risk/service')
  const { folder, variables, clock } = terminal
  const tokens = readTokens(variables['COUNTERMARK_RISK_TOKENS'])
  const policy = readPolicyFile(terminal, options.policy)
  const trail = auditTrail({ sinks: [fileSink({ path: resolve(folder, options.audit) })], worker: false })
  closing.push(() => trail.close())
  await trail.ready()
  const place = options.metricsListen === undefined ? undefined : readAddress('metricsListen', options.metricsListen)
  const metrics = await openMetrics(place)
  if (metrics !== undefined) closing.push(metrics.end)
  const observers = metrics === undefined ? [] : [metrics.observer]
  const alerts = await openAlerts(terminal, options, observers)
  if (alerts !== undefined) closing.push(alerts.close)
  const risk = createRiskServer({
    ...{ tokens, trail, observers, clock, snapshot: resolve(folder, options.snapshot) },
    sources: await openSources(terminal, options, closing),
    ...(policy === undefined ? {} : { policy }),
    ...(alerts === undefined ? {} : { onChange: alerts.send }),
  })
  await risk.ready()
  closing.push(risk.close)
  return { risk, alerts, metricsAddress: metrics?.address, tokens }
}

const FIX = 'such as COUNTERMARK_RISK_TOKENS="orders:scores+events:TOKEN,rita:read+reviews:TOKEN"'

function readTokens(given: string | undefined): readonly RiskServiceToken[] {
  if (given === undefined || given === '') throw new CommandError('nothing says who may call the service', FIX)
  return given.split(',').map((entry) => {
    const [name, roles, token, ...rest] = entry.trim().split(':')
    if (name === undefined || roles === undefined || token === undefined || rest.length > 0) {
      throw new CommandError('an entry of COUNTERMARK_RISK_TOKENS is no name:roles:token', FIX)
    }
    return { name, token, may: roles.split('+') as RiskRole[] }
  })
}

function readPolicyFile({ folder }: Terminal, file: string | undefined): RiskPolicy | undefined {
  if (file === undefined) return undefined
  try {
    const value = parseStrictJson(readFileSync(resolve(folder, file)))
    if (isJsonObject(value)) return value
  } catch (error) {
    throw new CommandError(`${file} cannot be used: ${reasonOf(error)}`, 'it is JSON, such as {"baseline":"enforce"}')
  }
  throw new CommandError(`${file} holds no object`, 'it is JSON, such as {"baseline":"enforce"}')
}

async function openSources(
  terminal: Terminal,
  { events, redis: url, stream }: ServeOptions,
  closing: (() => unknown)[],
): Promise<readonly RiskEventSource[]> {
  const { fileEvents, redisEvents } = await import('@countermark/risk/service')
  const files = events.map((file) => fileEvents(resolve(terminal.folder, file)))
  if (url === undefined) return files
  const { client, close } = await openRedis(terminal, url)
  closing.push(close)
  return [...files, redisEvents({ client: client as RedisClient, ...(stream === undefined ? {} : { stream }) })]
}

async function openAlerts(
  { variables, clock }: Terminal,
  { alerts: url, alertsInside }: ServeOptions,
  observers: readonly Observer[],
): Promise<RiskAlerts | undefined> {
  if (url === undefined) return undefined
  const secret = variables['COUNTERMARK_RISK_ALERT_SECRET']
  if (secret === undefined) {
    const fix = 'COUNTERMARK_RISK_ALERT_SECRET="whsec_$(openssl rand -base64 32)", the same at the receiver'
    throw new CommandError('alerts are signed, and nothing says with what', fix)
  }
  const { webhookAlerts } = await import('@countermark/risk/alerts')
  const inside = alertsInside === true ? { allowHttp: true, allowPrivateAddresses: true } : {}
  const alerts = webhookAlerts({ url, secret: secret.split(' '), clock, ...inside })
  for (const { described, measured } of observers) {
    described?.({ checks: [], rows: alerts.metrics ?? [] })
    alerts.reportTo?.((measurement) => measured?.(measurement))
  }
  return alerts
}

interface Told extends Pick<Started, 'metricsAddress' | 'tokens'> {
  readonly address: string
  readonly hasAlerts: boolean
}

function tell(terminal: Terminal, options: ServeOptions, { address, metricsAddress, tokens, hasAlerts }: Told): void {
  const { snapshot, audit, events, redis, json } = options
  const callers = tokens.map(({ name, may }) => `${name} (${may.join(', ')})`)
  if (json === true) {
    sayJson(terminal, { address, metricsAddress, snapshot, audit, callers })
    return
  }
  const line = (name: string, value: string): string => `${paint(terminal, 'good', name.padEnd(10))} ${value}`
  const sources = [...events, ...(redis === undefined ? [] : ['a stream of Redis'])]
  say(
    terminal,
    line('risk', `${address}   /healthz, POST /v1/scores`),
    line('callers', callers.join('; ')),
    line('hears', sources.length === 0 ? 'questions of checks, and POST /v1/events' : sources.join(', ')),
    line('levels', `${snapshot}, kept over a restart`),
    line('trail', audit),
    line('alerts', hasAlerts ? 'every change of level' : 'none: --alerts https://alerts.example.com/risk'),
    line(
      'metrics',
      metricsAddress === undefined ? 'none: --metrics-listen 127.0.0.1:9465' : `${metricsAddress}/metrics`,
    ),
  )
}
