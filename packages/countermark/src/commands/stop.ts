import { setTimeout as wait } from 'node:timers/promises'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { Argument, Command } from 'commander'
import {
  type AskAuthority,
  type AuthorityCallOptions,
  createAskAuthority,
  sayCurl,
  withAuthorityOptions,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { EXIT, say, sayJson, type Terminal } from './terminal.ts'

interface StopOptions extends AuthorityCallOptions {
  readonly reason: string
  readonly yes?: boolean
  readonly in?: string
  readonly issuer?: string
  readonly wait: string
}

const NAMES: Readonly<Record<string, string>> = {
  ...{ token: 'token', key: 'key', agent: 'agent', chain: 'chain', user: 'subject', tenant: 'tenant' },
}
const POLL_MS = 50

/** `countermark stop`: cuts something off at every door, and says when the last one had it. */
export function stopCommand(context: CommandContext): Command {
  const command = new Command('stop')
    .summary('stop a token, key, agent, chain, user or tenant at every door')
    .addArgument(new Argument('<kind>', 'what').choices(Object.keys(NAMES)))
    .argument('<id>', 'its id: jti, thumbprint, agent, txn, subject or tenant')
    .requiredOption('--reason <text>', 'why: it stands in the audit trail')
    .option('--in <tenant>', 'of a user: only what agents of this tenant do')
    .option('--issuer <url>', 'of a token, chain or user of another issuer')
    .option('--yes', 'do not ask first')
    .option('--wait <seconds>', 'how long to wait for doors', '5')
    .addHelpText('after', examples('countermark stop agent agt_7f2k9x --reason "key was stolen"'))
  return withAuthorityOptions(command).action((kind: string, id: string, options: StopOptions) =>
    stop(context, targetOf(kind, id, options), options),
  )
}

function targetOf(kind: string, id: string, options: StopOptions): JsonObject {
  const { in: tenant, issuer } = options
  return {
    ...{ kind, [NAMES[kind] ?? kind]: id },
    ...(tenant === undefined ? {} : { in: tenant }),
    ...(issuer === undefined ? {} : { issuer }),
  }
}

async function stop(context: CommandContext, target: JsonObject, options: StopOptions): Promise<void> {
  const { terminal, exit } = context
  const { reason } = options
  const order = { method: 'POST', path: '/stops', body: { target, reason } } as const
  if (await sayCurl(context, options, order)) return
  const ask = createAskAuthority(context, options)
  if (options.yes !== true && !(await isWanted(terminal, ask, target))) {
    exit(EXIT.no)
    return
  }
  const ordered = await ask(order)
  if (ordered === undefined) return
  const ended = await waitForDoors(ask, ordered, Number(options.wait) * 1000)
  const { doors, reached, lastMs, missing } = doorsOf(ended)
  if (options.json === true) sayJson(terminal, ended)
  else {
    say(terminal, `stopped: ${reached} of ${doors} doors${lastMs === undefined ? '' : `, ${lastMs} ms`}`)
    for (const door of missing) say(terminal, `  not yet: ${door['id']}, silent for ${door['silentForMs']} ms`)
  }
  if (reached !== doors) exit(EXIT.no)
}

/** Shows who and what would be cut off. Without a person to ask, nothing is stopped. @throws CommandError */
async function isWanted(terminal: Terminal, ask: AskAuthority, target: JsonObject): Promise<boolean> {
  const radius = await ask({ method: 'POST', path: '/stops/preview', body: { target } })
  if (radius === undefined) return false
  const agents = Array.isArray(radius['agents']) ? radius['agents'].filter(isJsonObject) : []
  const { tokens, users, doors } = radius
  say(terminal, `cuts off ${agents.length} agents and ${tokens} tokens of ${users} users, at ${doors} doors`)
  for (const { id, name, owners } of agents) say(terminal, `  ${id} (${name}), owned by ${owners}`)
  if (!terminal.isInteractive) throw new CommandError('nothing was stopped', 'say --yes to stop it')
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({ message: 'Stop it?', initialValue: false })
  return !isCancel(answer) && answer
}

async function waitForDoors(ask: AskAuthority, ordered: JsonObject, waitMs: number): Promise<JsonObject> {
  let known = ordered
  for (let waited = 0; waited < waitMs; waited += POLL_MS) {
    const { doors, reached } = doorsOf(known)
    if (doors === reached) return known
    await wait(POLL_MS)
    known = (await ask({ method: 'GET', path: `/stops/${ordered['id']}` })) ?? known
  }
  return known
}

function doorsOf({ doors: value }: JsonObject) {
  const { doors, reached, lastMs, missing } = isJsonObject(value) ? value : {}
  return { doors, reached, lastMs, missing: Array.isArray(missing) ? missing.filter(isJsonObject) : [] }
}
