import { setTimeout as wait } from 'node:timers/promises'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { Command } from 'commander'
import {
  type AuthorityCallOptions,
  type AuthorityRequest,
  addAuthorityPart,
  askAndTell,
  askForAll,
  createAskAuthority,
  listAndTell,
  sayCurl,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { say } from './terminal.ts'

interface ApprovalsOptions extends AuthorityCallOptions {
  readonly tenant: string
  readonly reason: string
  readonly seconds: string
  readonly uses: string
  readonly amount?: string
  readonly every: string
}

/** `countermark approvals`: requests that wait for a person, and the decision about each. */
export function approvalsCommand(context: CommandContext): Command {
  const command = new Command('approvals')
    .summary('list and watch requests that wait for a person; approve or deny one')
    .addHelpText(
      'after',
      examples('countermark approvals watch --tenant acme', 'countermark approvals approve apr_1f2e3d'),
    )
  const add = (name: string, summary: string, form?: string): Command =>
    addAuthorityPart(command, { name, summary, ...(form && { argument: [form, 'the id of the request'] }) })
  add('list', 'requests of a tenant that wait')
    .requiredOption('--tenant <id>', 'whose')
    .action((options: ApprovalsOptions) => list(context, options))
  add('watch', 'tell each request as soon as it waits, until this is ended')
    .requiredOption('--tenant <id>', 'whose')
    .option('--every <seconds>', 'how often the authority is asked', '2')
    .action((options: ApprovalsOptions) => watch(context, options))
  add('approve', 'approve one request, once unless it says how often', '<approval>')
    .option('--seconds <number>', 'how long the ticket holds', '3600')
    .option('--uses <number>', 'how many requests of this kind', '1')
    .option('--amount <money>', 'how much they may come to in all, in minor units: 10000EUR')
    .action((id: string, options: ApprovalsOptions) =>
      decide(context, options, {
        method: 'POST',
        path: `/approvals/${encodeURIComponent(id)}/approval`,
        body: readGiven(options),
      }),
    )
  add('deny', 'deny one request', '<approval>')
    .requiredOption('--reason <text>', 'why')
    .action((id: string, options: ApprovalsOptions) =>
      decide(context, options, {
        method: 'POST',
        path: `/approvals/${encodeURIComponent(id)}/rejection`,
        body: { reason: options.reason },
      }),
    )
  return command
}

/** @throws CommandError */
function readGiven({ seconds, uses, amount }: ApprovalsOptions): object {
  const given = { seconds: Number(seconds), uses: Number(uses) }
  if (amount === undefined) return given
  const [, value, currency] = /^(\d{1,15}) ?([A-Z][A-Z0-9]{2,11})$/.exec(amount) ?? []
  if (value === undefined) throw new CommandError(`${amount} is no amount`, 'minor units and a currency: 10000EUR')
  return { ...given, amount: { value: Number(value), currency } }
}

function pathOf(tenant: string): string {
  return `/approvals?${new URLSearchParams({ tenant, state: 'pending' })}`
}

function list(context: CommandContext, options: ApprovalsOptions): Promise<void> {
  return listAndTell(context, options, {
    path: pathOf(options.tenant),
    heading: ['APPROVAL', 'AGENT', 'STATE', 'REQUEST'],
    row: rowOf,
  })
}

/** Those that wait already come first. For machines: one line of JSON each. */
async function watch(context: CommandContext, options: ApprovalsOptions): Promise<void> {
  const { terminal } = context
  const everyMs = Number(options.every) * 1000
  if (!(everyMs >= 100)) throw new CommandError('--every takes seconds, 0.1 or more', 'such as --every 2')
  const path = pathOf(options.tenant)
  if (await sayCurl(context, options, { method: 'GET', path })) return
  const ending = terminal.ending()
  const ask = createAskAuthority(context, options)
  let known = new Set<unknown>()
  while (!ending.aborted) {
    const items = await askForAll(ask, path)
    if (items === undefined) return
    const waiting = items.filter(({ state }) => state === 'pending')
    for (const item of waiting) if (!known.has(item['id'])) tellWaiting(context, options, item)
    known = new Set(waiting.map(({ id }) => id))
    await wait(everyMs, undefined, { signal: ending }).catch(() => undefined)
  }
}

function tellWaiting({ terminal }: CommandContext, { json }: ApprovalsOptions, item: JsonObject): void {
  const [id = '', agent = '', , request = ''] = rowOf(item)
  if (json === true) say(terminal, JSON.stringify(item))
  else say(terminal, `${id}  ${agent}: ${request}`, `  countermark approvals approve ${id}`)
}

function rowOf({ id, agent, state, request }: JsonObject): readonly string[] {
  const { method, url, body } = isJsonObject(request) ? request : {}
  const content = Buffer.from(String(body ?? ''), 'base64').toString('utf8')
  return [String(id), String(agent), String(state), `${method} ${url} ${JSON.stringify(content)}`]
}

function decide(context: CommandContext, options: ApprovalsOptions, request: AuthorityRequest): Promise<void> {
  return askAndTell(context, options, { request, lines: ({ id, state }) => [`${id}: ${state}`] })
}
