import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isMisconfigured, type KeySource } from '@countermark/core'
import { fromFile, jwks, registry } from '@countermark/keys'
import { Command } from 'commander'
import { type AgentEntry, readAgents } from './agents-file.ts'
import { isRefusalCode, pageOf } from './code-pages.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { type Explanation, explainRequest } from './explain-request.ts'
import { findDecisions } from './find-decisions.ts'
import { tellAgent } from './risk/review.ts'
import { fieldOf, parseSavedRequest } from './saved-request.ts'
import { EXIT, paint, say, sayJson, type Terminal, withProgress } from './terminal.ts'

interface ExplainOptions {
  readonly request?: string
  readonly agents: string
  readonly registry?: string
  readonly jwks?: string
  readonly origin?: string
  readonly at?: string
  readonly trail?: readonly string[]
  readonly risk?: string
  readonly json?: boolean
}

/** `countermark explain`: why a request was refused. */
export function explainCommand(context: CommandContext): Command {
  const { terminal, exit } = context
  return new Command('explain')
    .summary('why a request was refused')
    .description('Explains a code, a request id from the audit trail, or a request that was saved as it arrived.')
    .argument('[subject]', 'a code such as signature_invalid, or the id of a request (with --trail)')
    .option('-r, --request <file>', 'a request as it arrived; - reads standard input, as does no subject')
    .option('--agents <file>', 'the agents that the service knows', 'agents.json')
    .option('--registry <url>', 'ask this registry instead')
    .option('--jwks <url>', 'ask this key set instead')
    .option('--origin <origin>', 'where agents call the service (default: http:// and the Host of the request)')
    .option('--at <time>', 'when it arrived, ISO 8601 (default: when it says that it was signed)')
    .option('--trail <files...>', 'files of the audit trail')
    .option('--risk <url>', 'the subject is an agent: say where it stands with this risk service, and why')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark explain signature_invalid',
        'countermark explain 6fb588ee-a808-48cb-ace9-a6b903f1b714 --trail audit.ndjson',
        'countermark explain agt_7f2k9x --risk http://127.0.0.1:7070',
        'countermark explain --request saved.http --origin https://api.example.com',
      ),
    )
    .action(async (subject: string | undefined, options: ExplainOptions) => {
      if (subject === undefined) return exit(await explainSaved(terminal, options))
      if (options.risk !== undefined) return tellAgent(context, subject, { ...options, service: options.risk })
      if (isRefusalCode(subject)) return tellCode(terminal, subject, options)
      exit(tellDecisions(terminal, subject, options))
    })
}

function tellCode(terminal: Terminal, code: string, { json }: ExplainOptions): void {
  if (json === true) sayJson(terminal, { code, page: pageOf(code) })
  else say(terminal, paint(terminal, 'strong', code), '', pageOf(code))
}

function tellDecisions(terminal: Terminal, requestId: string, { trail = [], json }: ExplainOptions): number {
  if (trail.length === 0) {
    throw new CommandError(`${requestId} is no refusal code`, 'to look up a request: --trail audit.ndjson')
  }
  const decisions = trail.flatMap((file) => findDecisions(resolve(terminal.folder, file), requestId))
  if (json === true) sayJson(terminal, { requestId, decisions })
  else if (decisions.length === 0) say(terminal, `no record of ${requestId} in ${trail.join(', ')}`)
  for (const { decision, check, code, reason, method, target, at } of json === true ? [] : decisions) {
    say(
      terminal,
      `${at}  ${method} ${target}`,
      `${paint(terminal, decision === 'allow' ? 'good' : 'bad', decision)} by ${check}`,
    )
    if (code === undefined) continue
    say(terminal, `${paint(terminal, 'strong', code)}${reason === undefined ? '' : `: ${reason}`}`, '', pageOf(code))
  }
  return decisions.length === 0 ? EXIT.no : EXIT.yes
}

async function explainSaved(terminal: Terminal, options: ExplainOptions): Promise<number> {
  const request = parseSavedRequest(await readSaved(terminal, options.request ?? '-'))
  const keys = openKeys(terminal, options, fieldOf(request, 'agent-id'))
  try {
    const judged = explainRequest(request, {
      keys,
      origin: options.origin,
      atMs: readTime(options.at),
      nowMs: terminal.clock.wallMs(),
      agents: findAgents(terminal, options),
    })
    const explanation = await withProgress(terminal, 'trying what may have changed on the way', judged)
    if (options.json === true) sayJson(terminal, explanation)
    else tell(terminal, explanation)
    return explanation.agent === undefined ? EXIT.no : EXIT.yes
  } finally {
    await keys.close?.()
  }
}

async function readSaved({ folder, stdin, isInteractive, stderr }: Terminal, file: string): Promise<Buffer> {
  if (file !== '-') return readFileSync(resolve(folder, file))
  if (isInteractive) stderr.write('Paste the request as it arrived, then press Ctrl-D:\n')
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

function openKeys({ folder }: Terminal, options: ExplainOptions, agent = 'agent'): KeySource {
  if (options.registry !== undefined) return registry(options.registry)
  if (options.jwks !== undefined) return jwks(options.jwks, { agent })
  try {
    return fromFile(resolve(folder, options.agents))
  } catch (error) {
    if (!isMisconfigured(error)) throw error
    throw new CommandError(
      `${options.agents} cannot be used`,
      'name the keys: --agents FILE, --registry URL or --jwks URL',
    )
  }
}

/** Every key that is known, where a file says so. A registry is not asked for keys that no request names. */
function findAgents({ folder }: Terminal, { registry: url, jwks: set, agents }: ExplainOptions): readonly AgentEntry[] {
  return url === undefined && set === undefined ? readAgents(resolve(folder, agents)).agents : []
}

function readTime(time: string | undefined): number | undefined {
  if (time === undefined) return undefined
  const atMs = Date.parse(time)
  if (Number.isNaN(atMs)) throw new CommandError(`${time} is no time`, 'such as --at 2026-11-30T12:00:00Z')
  return atMs
}

function tell(terminal: Terminal, { agent, refusal, age, lines, otherKeys, changes, left }: Explanation): void {
  if (agent !== undefined) say(terminal, `${paint(terminal, 'good', 'passes')}: signed by ${agent}`)
  if (refusal !== undefined) tellRefusal(terminal, refusal)
  say(terminal, age)
  if (otherKeys !== undefined) say(terminal, otherKeys)
  if (lines.length > 0) say(terminal, '', 'What the guard expects to be signed:', ...lines.map((line) => `  ${line}`))
  for (const { done, fix } of changes)
    say(terminal, '', `${paint(terminal, 'good', 'found')}: ${done}`, `  fix: ${fix}`)
  if (left === undefined) return
  if (changes.length > 0) say(terminal, '', `then ${paint(terminal, 'bad', left)} is left:`)
  say(terminal, '', pageOf(left))
}

function tellRefusal(terminal: Terminal, { code, message, diagnosis }: NonNullable<Explanation['refusal']>): void {
  say(terminal, `${paint(terminal, 'bad', code)}: ${message}`)
  if (diagnosis !== undefined && !('expected' in diagnosis)) say(terminal, `  ${JSON.stringify(diagnosis)}`)
}
