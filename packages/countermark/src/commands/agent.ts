import { Command } from 'commander'
import {
  type AuthorityCallOptions,
  type AuthorityRequest,
  addAuthorityPart,
  createAskAuthority,
  sayCurl,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { layOut, say, sayJson } from './terminal.ts'

interface AgentOptions extends AuthorityCallOptions {
  readonly tenant: string
  readonly name: string
  readonly purpose: string
  readonly owner: readonly string[]
  readonly scope: readonly string[]
  readonly state?: string
  readonly reason: string
}

/** `countermark agent`: registers agents and shows, suspends, resumes and retires them. */
export function agentCommand(context: CommandContext): Command {
  const command = new Command('agent')
    .summary('register, list, show, suspend, resume and retire agents')
    .addHelpText(
      'after',
      examples('countermark agent list --tenant acme', 'countermark agent suspend agt_7f2k9x --reason "odd calls"'),
    )
  const add = (name: string, summary: string, form?: string): Command =>
    addAuthorityPart(command, { name, summary, ...(form && { argument: [form, 'the id of the agent'] }) })
  add('register', 'register an agent, staged until its first key, and print a code for that key', '<agent>')
    .requiredOption('--tenant <id>', 'whose it is')
    .requiredOption('--name <text>', 'what people call it')
    .requiredOption('--purpose <text>', 'what it is for')
    .requiredOption('--owner <person...>', 'who answers for it')
    .option('--scope <scope...>', 'what it may do at most', [])
    .action((id: string, options: AgentOptions) => register(context, id, options))
  add('list', 'agents of a tenant')
    .requiredOption('--tenant <id>', 'whose')
    .option('--state <word>', 'staged, active, suspended or retired')
    .action((options: AgentOptions) => list(context, options))
  add('show', 'one agent, and what it may do now', '<agent>').action((id: string, options: AgentOptions) =>
    show(context, options, { method: 'GET', path: pathOf(id) }),
  )
  add('suspend', 'stop an agent until it is resumed', '<agent>')
    .requiredOption('--reason <text>', 'why')
    .action((id: string, options: AgentOptions) =>
      show(context, options, { method: 'POST', path: `${pathOf(id)}/suspension`, body: { reason: options.reason } }),
    )
  add('resume', 'let a suspended agent go on', '<agent>').action((id: string, options: AgentOptions) =>
    show(context, options, { method: 'DELETE', path: `${pathOf(id)}/suspension` }),
  )
  add('retire', 'ask for the end of an agent; another person approves it', '<agent>')
    .requiredOption('--reason <text>', 'why')
    .action((id: string, options: AgentOptions) =>
      show(context, options, { method: 'POST', path: `${pathOf(id)}/retirement`, body: { reason: options.reason } }),
    )
  return command
}

function pathOf(id: string): string {
  return `/agents/${encodeURIComponent(id)}`
}

async function register(context: CommandContext, id: string, options: AgentOptions): Promise<void> {
  const { tenant, name, purpose, owner: owners, scope: ceiling } = options
  const request = { method: 'POST', path: '/agents', body: { id, tenant, name, purpose, owners, ceiling } } as const
  if (await sayCurl(context, options, request)) return
  const ask = createAskAuthority(context, options)
  if ((await ask(request)) === undefined) return
  const issued = await ask({ method: 'POST', path: `${pathOf(id)}/enrolment-codes`, body: {} })
  if (issued === undefined) return
  if (options.json === true) sayJson(context.terminal, { agent: id, code: issued['code'] })
  else say(context.terminal, `${id} is registered. Its first key enrols with the code ${issued['code']}`)
}

async function list(context: CommandContext, options: AgentOptions): Promise<void> {
  const query = new URLSearchParams({ tenant: options.tenant, ...(options.state && { state: options.state }) })
  const request = { method: 'GET', path: `/agents?${query}` } as const
  if (await sayCurl(context, options, request)) return
  const answer = await createAskAuthority(context, options)(request)
  if (answer === undefined) return
  const items = Array.isArray(answer['items']) ? answer['items'] : []
  if (options.json === true) sayJson(context.terminal, items)
  else
    say(
      context.terminal,
      ...layOut([
        ['AGENT', 'STATE', 'NAME', 'OWNERS'],
        ...items.map(({ id, state, name, owners }) => [id, state, name, owners.join(' ')]),
      ]),
    )
}

/** Sends one request and shows the agent that comes back. */
async function show(context: CommandContext, options: AgentOptions, request: AuthorityRequest): Promise<void> {
  if (await sayCurl(context, options, request)) return
  const answer = await createAskAuthority(context, options)(request)
  if (answer === undefined) return
  if (options.json === true) sayJson(context.terminal, answer)
  else {
    const { id, state, reason, owners, capabilities } = answer
    const why = reason === undefined ? '' : ` (${reason})`
    say(context.terminal, `${id}: ${state}${why}`, `  owners: ${owners}`, `  may do: ${capabilities}`)
  }
}
