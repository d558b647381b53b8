import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '@countermark/core'
import { Command } from 'commander'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, reasonOf } from './errors.ts'
import { type Finding, report } from './findings.ts'
import { requireUrl } from './request-arguments.ts'
import { withProgress } from './terminal.ts'

/** `countermark scan`: what a service tells agents, and whether it holds what it should, seen from outside. */
export function scanCommand({ terminal, exit }: CommandContext): Command {
  return new Command('scan')
    .summary('what a service publishes about agent access, rule by rule')
    .description('Asks like any stranger: for the metadata (RFC 9728), without a signature, and with one that is none.')
    .argument('<url>', 'a guarded route of the service')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples('countermark scan https://api.example.com/orders', 'countermark scan http://localhost:3000/'),
    )
    .action(async (url: string, options: { readonly json?: boolean }) => {
      requireUrl(url)
      const findings = await withProgress(
        terminal,
        `scanning ${new URL(url).origin}`,
        scan(new URL(url), terminal.clock),
      )
      exit(report(terminal, findings, options.json))
    })
}

const TIMEOUT_MS = 10_000
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** A stranger's signature: every part is there, and none is right. */
function forge(nowMs: number): Readonly<Record<string, string>> {
  const created = Math.floor(nowMs / 1000)
  const parameters = `created=${created};expires=${created + 60};nonce="${randomUUID()}";keyid="countermark-scan";tag="agent-auth"`
  return {
    'Signature-Input': `sig1=("@method" "@authority" "@path");${parameters}`,
    Signature: `sig1=:${randomBytes(64).toString('base64')}:`,
  }
}

async function scan(url: URL, { wallMs }: Clock): Promise<readonly Finding[]> {
  const unsigned = await ask(url)
  const forged = await ask(url, forge(wallMs()))
  const document = await ask(new URL(WELL_KNOWN, url))
  const metadata = await readJson(document)
  return [
    transport(url),
    clock(unsigned, wallMs()),
    refusesStrangers('unsigned-refused', 'a request without credentials', unsigned),
    refusesStrangers('forged-refused', 'a request with a forged signature', forged),
    codeInBody(await readJson(unsigned)),
    challenge(unsigned),
    header('not-stored', unsigned, 'cache-control', /no-store/, 'send Cache-Control: no-store with refusals'),
    metadataPublished(document, metadata),
    resourceNamed(url, metadata),
    signaturesDescribed(metadata),
    header(
      'metadata-for-browsers',
      document,
      'access-control-allow-origin',
      /^\*$/,
      'let the document be read from anywhere',
    ),
  ]
}

async function ask(url: URL, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  try {
    return await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    throw new CommandError(`${url.host} gave no answer: ${reasonOf(error)}`, 'is it running, and is the port right?')
  }
}

type Json = Readonly<Record<string, unknown>> | undefined

async function readJson(response: Response): Promise<Json> {
  try {
    const value: unknown = await response.json()
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function transport({ protocol, hostname }: URL): Finding {
  const rule = 'transport'
  if (protocol === 'https:') return { rule, state: 'ok', found: 'the service is called by https' }
  const isLocal = /^(localhost|127\.|\[::1\])/.test(hostname)
  if (isLocal) return { rule, state: 'ok', found: 'http, on this machine' }
  return {
    rule,
    state: 'failed',
    found: 'the service is called by http',
    fix: 'serve it by https: tokens travel in it',
  }
}

const MAX_SKEW_SECONDS = 5

function clock(response: Response, nowMs: number): Finding {
  const rule = 'clock'
  const date = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(date))
    return { rule, state: 'warning', found: 'answers carry no Date: clients cannot correct their clocks' }
  const seconds = Math.round((date - nowMs) / 1000)
  const found = `the clock of the service is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(seconds) <= MAX_SKEW_SECONDS) return { rule, state: 'ok', found }
  return { rule, state: 'warning', found, fix: 'synchronise both clocks by NTP' }
}

function refusesStrangers(rule: string, what: string, { status }: Response): Finding {
  if (status === 400 || status === 401 || status === 403)
    return { rule, state: 'ok', found: `${what} is answered with ${status}` }
  if (status === 404) {
    return { rule, state: 'skipped', found: `${what} is answered with 404`, fix: 'scan the URL of a route that exists' }
  }
  const fix = 'mount the guard in front of this route, without optional, open or mode: "observe"'
  return { rule, state: 'failed', found: `${what} is answered with ${status}`, fix }
}

function codeInBody(body: Json): Finding {
  const rule = 'code-in-body'
  const code = body?.['code']
  if (typeof code === 'string') return { rule, state: 'ok', found: `the refusal says why: ${code}` }
  const fix = 'answer refusals with application/problem+json and the member code'
  return { rule, state: 'warning', found: 'the refusal has no code that a client can act on', fix }
}

function challenge({ status, headers }: Response): Finding {
  const rule = 'challenge'
  const value = headers.get('accept-signature') ?? headers.get('www-authenticate')
  if (value !== null) return { rule, state: 'ok', found: `the refusal says how to do better: ${value.slice(0, 60)}…` }
  if (status !== 401) return { rule, state: 'skipped', found: 'nothing was refused with 401' }
  const fix = 'a 401 carries WWW-Authenticate (RFC 9110 section 11.6.1)'
  return { rule, state: 'failed', found: 'the refusal has no challenge', fix }
}

function header(rule: string, { headers }: Response, name: string, expected: RegExp, fix: string): Finding {
  const value = headers.get(name)
  if (value !== null && expected.test(value)) return { rule, state: 'ok', found: `${name}: ${value}` }
  return { rule, state: 'warning', found: value === null ? `there is no ${name}` : `${name}: ${value}`, fix }
}

function metadataPublished({ status }: Response, metadata: Json): Finding {
  const rule = 'metadata'
  if (status === 200 && metadata !== undefined) return { rule, state: 'ok', found: `${WELL_KNOWN} is published` }
  const fix = 'app.use(countermark({ … })) publishes it; behind a path mount agents.metadata at the root'
  return { rule, state: 'failed', found: `${WELL_KNOWN} is answered with ${status}`, fix }
}

function resourceNamed(url: URL, metadata: Json): Finding {
  const rule = 'metadata-resource'
  const resource = metadata?.['resource']
  if (metadata === undefined) return { rule, state: 'skipped', found: 'there is no document' }
  if (typeof resource === 'string' && url.href.startsWith(resource)) {
    return { rule, state: 'ok', found: `resource is ${resource}` }
  }
  const fix = `clients refuse it: resource must begin as the URL does that they call, ${url.origin} (RFC 9728 section 3.3)`
  return { rule, state: 'failed', found: `resource is ${String(resource)}`, fix }
}

function signaturesDescribed(metadata: Json): Finding {
  const rule = 'metadata-signatures'
  if (metadata === undefined) return { rule, state: 'skipped', found: 'there is no document' }
  const described = metadata['agent_signatures'] ?? metadata['agent_auth']
  if (described !== undefined) return { rule, state: 'ok', found: 'the document says how requests are signed' }
  return { rule, state: 'warning', found: 'the document does not say how requests are signed' }
}
