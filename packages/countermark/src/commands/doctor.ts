import { Command } from 'commander'
import { type CommandContext, examples } from './command-context.ts'
import { checkKeys, checkRedis } from './doctor-dependencies.ts'
import { checkEcho, type EchoOptions } from './doctor-echo.ts'
import { CommandError, reasonOf } from './errors.ts'
import { type Finding, report } from './findings.ts'
import { requireUrl } from './request-arguments.ts'
import { type Terminal, withProgress } from './terminal.ts'

interface DoctorOptions {
  readonly redis?: string
  readonly registry?: string
  readonly jwks?: string
  readonly echo?: string
  readonly json?: boolean
}

/** `countermark doctor`: whether what a guard depends on is as it must be. */
export function doctorCommand({ terminal, exit }: CommandContext): Command {
  return new Command('doctor')
    .summary('whether Node, clocks, proxies, Redis and key sources are as a guard needs them')
    .argument('[url]', 'the service, as agents call it')
    .option(
      '--echo <port>',
      'stop the service, answer on its port instead, and compare what arrives with what was sent',
    )
    .option('--redis <url>', 'the Redis of the replay store')
    .option('--registry <url>', 'the key registry')
    .option('--jwks <url>', 'the key set')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark doctor https://api.example.com',
        'countermark doctor https://api.example.com/orders --echo 3000   # behind the proxy, in place of the service',
        'countermark doctor --redis redis://localhost:6379 --registry https://registry.example.com/agent-keys',
      ),
    )
    .action(async (url: string | undefined, options: DoctorOptions) => {
      if (url !== undefined) requireUrl(url)
      const findings = await withProgress(terminal, 'looking', examine(terminal, url, options))
      exit(report(terminal, findings, options.json))
    })
}

async function examine(
  terminal: Terminal,
  url: string | undefined,
  { redis, registry, jwks, echo }: DoctorOptions,
): Promise<readonly Finding[]> {
  const echoing: EchoOptions | undefined =
    url === undefined || echo === undefined ? undefined : { url, port: Number(echo) }
  if (echo !== undefined && echoing === undefined) throw new CommandError('--echo needs the URL that agents call')
  const parts = await Promise.all([
    checkNode(terminal),
    echoing === undefined && url !== undefined ? [await checkClock(terminal, url)] : [],
    echoing === undefined ? [] : checkEcho(echoing),
    redis === undefined ? [] : checkRedis(terminal, redis),
    registry === undefined ? [] : checkKeys(terminal, 'registry', registry),
    jwks === undefined ? [] : checkKeys(terminal, 'jwks', jwks),
  ])
  return parts.flat()
}

const OLDEST_NODE = [20, 19] as const

function checkNode({ variables }: Terminal): readonly Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOldEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  const version: Finding = isOldEnough
    ? { rule: 'node-version', state: 'ok', found: `Node ${process.versions.node}` }
    : { rule: 'node-version', state: 'failed', found: `Node ${process.versions.node}`, fix: 'use Node 20.19 or newer' }
  const isInsecure = /--insecure[-_]http[-_]parser\b/.test(variables['NODE_OPTIONS'] ?? '')
  const flags: Finding = isInsecure
    ? {
        rule: 'node-flags',
        state: 'failed',
        found: 'NODE_OPTIONS has --insecure-http-parser',
        fix: 'take it out: requests can be smuggled',
      }
    : { rule: 'node-flags', state: 'ok', found: 'no flag that lets requests be smuggled' }
  const single: Finding =
    variables['NODE_APP_INSTANCE'] === undefined
      ? { rule: 'processes', state: 'ok', found: 'nothing says that the service runs in several processes' }
      : {
          rule: 'processes',
          state: 'warning',
          found: 'NODE_APP_INSTANCE is set: the service seems to run in several processes',
          fix: 'share what was used: redisReplayStore({ client })',
        }
  return [version, flags, single]
}

const MAX_SKEW_SECONDS = 5
const TIMEOUT_MS = 10_000

async function checkClock({ clock }: Terminal, url: string): Promise<Finding> {
  const rule = 'clock'
  try {
    const before = clock.wallMs()
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
    const middle = (before + clock.wallMs()) / 2
    const date = Date.parse(response.headers.get('date') ?? '')
    if (Number.isNaN(date)) return { rule, state: 'warning', found: 'the service sends no Date' }
    const seconds = Math.round((date - middle) / 1000)
    const found = `the service is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} this machine`
    if (Math.abs(seconds) <= MAX_SKEW_SECONDS) return { rule, state: 'ok', found }
    return { rule, state: 'failed', found, fix: 'synchronise both clocks by NTP: signatures live 60 s' }
  } catch (error) {
    return {
      rule,
      state: 'failed',
      found: `the service gave no answer: ${reasonOf(error)}`,
      fix: 'is it running, and is the URL right?',
    }
  }
}
