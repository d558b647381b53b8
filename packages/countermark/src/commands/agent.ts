import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import { Command } from 'commander'
import {
  type AuthorityCallOptions,
  type AuthorityRequest,
  addAuthorityPart,
  askAndTell,
  createAskAuthority,
  listAndTell,
  sayCurl,
  timeOf,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, reasonOf } from './errors.ts'
import { say, sayJson, type Terminal } from './terminal.ts'

interface AgentOptions extends AuthorityCallOptions {
  readonly tenant: string
  readonly name: string
  readonly purpose: string
  readonly owner: readonly string[]
  readonly scope: readonly string[]
  readonly type?: string
  readonly agentVersion?: string
  readonly template?: string
  readonly constraints?: string
  readonly state?: string
  readonly reason: string
  readonly replacement?: string
}

/** `countermark agent`: registers agents and shows, suspends, resumes and retires them. */
export function agentCommand(context: CommandContext): Command {
  const command = new Command('agent')
    .summary('register, list, show, suspend, resume and retire agents')
    .addHelpText(
      'after',
      examples(
        'countermark agent list --tenant acme',
        'countermark agent register agt_7f2k9x --tenant acme --name Checkout --purpose refunds --owner jane --scope orders:read',
        'countermark agent suspend agt_7f2k9x --reason "odd calls"',
        'countermark agent approve-retirement agt_7f2k9x',
      ),
    )
  const add = (name: string, summary: string, form?: string): Command =>
    addAuthorityPart(command, { name, summary, ...(form && { argument: [form, 'the id of the agent'] }) })
  addRegister(context, add)
  add('list', 'agents of a tenant')
    .requiredOption('--tenant <id>', 'whose')
    .option('--state <word>', 'staged, active, suspended or retired')
    .action((options: AgentOptions) => list(context, options))
  const act = (part: Command, request: (id: string, options: AgentOptions) => AuthorityRequest): Command =>
    part.action((id: string, options: AgentOptions) => show(context, options, request(id, options)))
  const withReason = (part: Command): Command => part.requiredOption('--reason <text>', 'why')
  act(add('show', 'one agent, and what it may do now', '<agent>'), (id) => ({ method: 'GET', path: pathOf(id) }))
  act(withReason(add('suspend', 'stop an agent until it is resumed', '<agent>')), (id, { reason }) => ({
    ...{ method: 'POST', path: `${pathOf(id)}/suspension`, body: { reason } },
  }))
  act(add('resume', 'let a suspended agent go on', '<agent>'), (id) => ({
    ...{ method: 'DELETE', path: `${pathOf(id)}/suspension` },
  }))
  addRetirement(add, act, withReason)
  return command
}

type Add = (name: string, summary: string, form?: string) => Command
type Act = (part: Command, request: (id: string, options: AgentOptions) => AuthorityRequest) => Command

function addRegister(context: CommandContext, add: Add): void {
  add('register', 'register an agent, staged until its first key, and print a code for that key', '<agent>')
    .requiredOption('--tenant <id>', 'whose it is')
    .requiredOption('--name <text>', 'what people call it')
    .requiredOption('--purpose <text>', 'what it is for')
    .requiredOption('--owner <person...>', 'who answers for it')
    .option('--scope <scope...>', 'what it may do at most (default: what the template says, or nothing)')
    .option('--template <id>', 'a template of the tenant')
    .option('--type <word>', 'what kind of agent it is')
    .option('--agent-version <text>', 'its version (default: 1)')
    .option('--constraints <file>', 'limits of everything that it does: a file, JSON')
    .action((id: string, options: AgentOptions) => register(context, id, options))
}

/** One caller asks, another one approves. */
function addRetirement(add: Add, act: Act, withReason: (part: Command) => Command): void {
  const retire = withReason(add('retire', 'ask for the end of an agent; another person approves it', '<agent>'))
  act(retire.option('--replacement <agent>', 'who takes its capabilities over'), (id, { reason, replacement }) => ({
    ...{ method: 'POST', path: `${pathOf(id)}/retirement` },
    body: { reason, ...(replacement === undefined ? {} : { replacement }) },
  }))
  act(add('approve-retirement', 'approve the end of an agent that another person asked for', '<agent>'), (id) => ({
    ...{ method: 'POST', path: `${pathOf(id)}/retirement/approval` },
  }))
  act(add('withdraw-retirement', 'take the question back: the agent goes on', '<agent>'), (id) => ({
    ...{ method: 'DELETE', path: `${pathOf(id)}/retirement` },
  }))
}

function pathOf(id: string): string {
  return `/agents/${encodeURIComponent(id)}`
}

async function register(context: CommandContext, id: string, options: AgentOptions): Promise<void> {
  const { tenant, name, purpose, owner: owners, scope: ceiling, template, type, agentVersion: version } = options
  const body = {
    ...{ id, tenant, name, purpose, owners },
    ...{ ceiling, template, type, version, constraints: readConstraints(context.terminal, options.constraints) },
  }
  const request = { method: 'POST', path: '/agents', body } as const
  if (await sayCurl(context, options, request)) return
  const ask = createAskAuthority(context, options)
  if ((await ask(request)) === undefined) return
  const issued = await ask({ method: 'POST', path: `${pathOf(id)}/enrolment-codes`, body: {} })
  if (issued === undefined) return
  const { code, expiresAt } = issued
  if (options.json === true) return sayJson(context.terminal, { agent: id, code, expiresAt })
  say(
    context.terminal,
    `${id} is registered. Its first key enrols with the code ${code}, until ${timeOf(expiresAt)}:`,
    `  countermark keygen ${id} && countermark key enrol ${code} --agent ${id}`,
  )
}

function readConstraints({ folder }: Terminal, file: string | undefined): unknown {
  if (file === undefined) return undefined
  try {
    return parseStrictJson(readFileSync(resolve(folder, file)))
  } catch (error) {
    throw new CommandError(`${file} cannot be read as JSON: ${reasonOf(error)}`)
  }
}

function list(context: CommandContext, { tenant, state, ...options }: AgentOptions): Promise<void> {
  const query = new URLSearchParams({ tenant, ...(state && { state }) })
  return listAndTell(context, options, {
    path: `/agents?${query}`,
    heading: ['AGENT', 'STATE', 'NAME', 'OWNERS'],
    row: ({ id, state: now, name, owners }) => [String(id), String(now), String(name), wordsOf(owners)],
  })
}

/** Sends one request and shows the agent that comes back. */
function show(context: CommandContext, options: AgentOptions, request: AuthorityRequest): Promise<void> {
  return askAndTell(context, options, { request, lines: describeAgent })
}

function describeAgent(answer: JsonObject): readonly string[] {
  // A retirement answers with what was handed over as well.
  const agent = isJsonObject(answer['agent']) ? answer['agent'] : answer
  const { id, state, reason, name, purpose, version, ceiling, capabilities, owners } = agent
  const { retirementAskedBy: askedBy, replacedBy, expiresAt, rotateBy } = agent
  const isCut = wordsOf(ceiling) !== wordsOf(capabilities)
  return [
    `${id}: ${state}${reason === undefined ? '' : ` (${reason})`}`,
    `  name: ${name}, version ${version}: ${purpose}`,
    `  owners: ${wordsOf(owners) || 'none'}`,
    `  may do: ${wordsOf(capabilities) || 'nothing'}`,
    ...(isCut ? [`  was given: ${wordsOf(ceiling)}; the rest is more than an owner may give`] : []),
    ...(expiresAt === undefined ? [] : [`  ends: ${timeOf(expiresAt)}`]),
    ...(rotateBy === undefined ? [] : [`  needs a new key by: ${timeOf(rotateBy)}`]),
    ...(askedBy === undefined ? [] : [`  its end was asked for by ${askedBy}; another person approves it`]),
    ...(replacedBy === undefined ? [] : [`  replaced by: ${replacedBy}`]),
    ...(answer['handedOver'] === undefined ? [] : [`  handed over: ${wordsOf(answer['handedOver']) || 'nothing'}`]),
    ...(wordsOf(answer['notHandedOver']) === '' ? [] : [`  not handed over: ${wordsOf(answer['notHandedOver'])}`]),
  ]
}

function wordsOf(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : ''
}
