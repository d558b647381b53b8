import { isJsonObject } from '@countermark/core/internal'
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

interface ApprovalsOptions extends AuthorityCallOptions {
  readonly tenant: string
  readonly reason: string
  readonly seconds: string
}

/** `countermark approvals`: requests that wait for a person, and the decision about each. */
export function approvalsCommand(context: CommandContext): Command {
  const command = new Command('approvals')
    .summary('list requests that wait for a person; approve or deny one')
    .addHelpText(
      'after',
      examples('countermark approvals list --tenant acme', 'countermark approvals approve apr_1f2e3d'),
    )
  const add = (name: string, summary: string, form?: string): Command =>
    addAuthorityPart(command, { name, summary, ...(form && { argument: [form, 'the id of the request'] }) })
  add('list', 'requests of a tenant that wait')
    .requiredOption('--tenant <id>', 'whose')
    .action((options: ApprovalsOptions) => list(context, options))
  add('approve', 'approve one request, once', '<approval>')
    .option('--seconds <number>', 'how long the ticket holds', '3600')
    .action((id: string, options: ApprovalsOptions) =>
      decide(context, options, {
        method: 'POST',
        path: `/approvals/${id}/approval`,
        body: { seconds: Number(options.seconds) },
      }),
    )
  add('deny', 'deny one request', '<approval>')
    .requiredOption('--reason <text>', 'why')
    .action((id: string, options: ApprovalsOptions) =>
      decide(context, options, {
        method: 'POST',
        path: `/approvals/${id}/rejection`,
        body: { reason: options.reason },
      }),
    )
  return command
}

async function list(context: CommandContext, options: ApprovalsOptions): Promise<void> {
  const query = new URLSearchParams({ tenant: options.tenant, state: 'pending' })
  const request = { method: 'GET', path: `/approvals?${query}` } as const
  if (await sayCurl(context, options, request)) return
  const answer = await createAskAuthority(context, options)(request)
  if (answer === undefined) return
  const items = Array.isArray(answer['items']) ? answer['items'].filter(isJsonObject) : []
  if (options.json === true) sayJson(context.terminal, items)
  else say(context.terminal, ...layOut([['APPROVAL', 'AGENT', 'STATE', 'REQUEST'], ...items.map(rowOf)]))
}

function rowOf({ id, agent, state, request }: Readonly<Record<string, unknown>>): readonly string[] {
  const { method, url, body } = isJsonObject(request) ? request : {}
  const content = Buffer.from(String(body ?? ''), 'base64').toString('utf8')
  return [String(id), String(agent), String(state), `${method} ${url} ${JSON.stringify(content)}`]
}

async function decide(context: CommandContext, options: ApprovalsOptions, request: AuthorityRequest): Promise<void> {
  if (await sayCurl(context, options, request)) return
  const answer = await createAskAuthority(context, options)(request)
  if (answer === undefined) return
  if (options.json === true) sayJson(context.terminal, answer)
  else say(context.terminal, `${answer['id']}: ${answer['state']}`)
}
