import { createPrivateKey, createPublicKey } from 'node:crypto'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { generateAgentKey } from '@countermark/client'
import { importPublicKey } from '@countermark/core'
import type { JsonObject } from '@countermark/core/internal'
import { Command } from 'commander'
import { readIdentity } from './agent-identity.ts'
import {
  type AuthorityCallOptions,
  addAuthorityPart,
  askAndTell,
  baseOf,
  createAskAuthority,
  itemsOf,
  listAndTell,
  sayCurl,
  timeOf,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, hasCode } from './errors.ts'
import { say, sayJson } from './terminal.ts'

interface KeyOptions extends AuthorityCallOptions {
  readonly reason: string
  readonly last?: boolean
}

/** `countermark key`: keys of agents, enrolled, listed, rotated, approved and revoked. */
export function keyCommand(context: CommandContext): Command {
  const command = new Command('key')
    .summary('enrol, list, rotate, approve and revoke keys of agents')
    .addHelpText(
      'after',
      examples(
        'countermark key enrol CODE --agent agt_7f2k9x',
        'countermark key rotate --agent agt_7f2k9x',
        'countermark key list agt_7f2k9x',
      ),
    )
  addAuthorityPart(command, {
    ...{ name: 'enrol', summary: "let the agent's first key count, by a code that its owner was given" },
    argument: ['<code>', 'the code'],
  }).action((code: string, options: KeyOptions) => enrol(context, code, options))
  addAuthorityPart(command, {
    ...{ name: 'rotate', summary: 'make the next key, let it count, and put it in the place of this one' },
  }).action((options: KeyOptions) => rotate(context, options))
  const ofAgent = (name: string, summary: string): Command =>
    addAuthorityPart(command, { name, summary, argument: ['<agent>', 'the id of the agent'] })
  ofAgent('list', 'keys of an agent, with age and last use').action((agent: string, options: KeyOptions) =>
    list(context, agent, options),
  )
  ofAgent('approve', 'let a key count that its agent proposed')
    .argument('<key>', 'its id or thumbprint')
    .action((agent: string, key: string, options: KeyOptions) =>
      askAndTell(context, options, { request: { method: 'POST', path: `${pathOf(agent, key)}/approval` }, lines }),
    )
  ofAgent('revoke', 'end a key at once')
    .argument('<key>', 'its id or thumbprint')
    .requiredOption('--reason <text>', 'why')
    .option('--last', 'also when no other key of the agent can be used')
    .action((agent: string, key: string, { reason, last, ...options }: KeyOptions) => {
      const body = { reason, last: last === true ? 'revoke' : 'keep' }
      const request = { method: 'POST', path: `${pathOf(agent, key)}/revocation`, body } as const
      return askAndTell(context, { ...options }, { request, lines })
    })
  return command
}

function pathOf(agent: string, key?: string): string {
  return `/agents/${encodeURIComponent(agent)}/keys${key === undefined ? '' : `/${encodeURIComponent(key)}`}`
}

function lines({ id, state, age, notAfter }: JsonObject): readonly string[] {
  const end = notAfter === undefined ? '' : `, ends ${timeOf(notAfter)}`
  return [`${id}: ${state}${age === undefined ? '' : `, ${age}`}${end}`]
}

function list(context: CommandContext, agent: string, options: KeyOptions): Promise<void> {
  return listAndTell(context, options, {
    path: pathOf(agent),
    heading: ['KEY', 'STATE', 'AGE', 'KIND', 'CREATED', 'LAST USED', 'ENDS'],
    row: ({ id, state, age, kind, createdAt, lastUsedAt, notAfter }) => [
      ...[String(id), String(state), String(age), String(kind)],
      ...[createdAt, lastUsedAt, notAfter].map(timeOf),
    ],
  })
}

function enrol(context: CommandContext, code: string, options: KeyOptions): Promise<void> {
  const key = publicHalf(readKeyFile(context, options.key))
  return askAndTell(context, options, {
    request: { method: 'POST', path: '/enrolments', body: { code, key } },
    lines: ({ agent, agentState, id }) => [`${agent} is ${agentState}: its key ${id} counts from now on`],
  })
}

/**
 * The old key says which one follows, the new one signs, then the file changes hands. Each step may be the last one before a
 * crash: the next run finds `FILE.next` and goes on.
 */
async function rotate(context: CommandContext, options: KeyOptions): Promise<void> {
  const { terminal } = context
  const agent = readIdentity(terminal, baseOf(context, options), options).agentId
  const file = resolve(terminal.folder, options.key)
  const next = readOrMakeNext(`${file}.next`)
  const { thumbprint } = importPublicKey({ ...publicHalf(next) })
  const byNext: KeyOptions = { ...options, agent, key: `${options.key}.next`, keyId: thumbprint }
  const propose = { method: 'POST', path: pathOf(agent), body: { key: publicHalf(next) } } as const
  const activate = { method: 'POST', path: `${pathOf(agent, thumbprint)}/activation` } as const
  if (await sayCurl(context, { ...options, agent }, propose)) return void (await sayCurl(context, byNext, activate))
  const state = await stateOf(context, { ...options, agent }, thumbprint)
  if (state === undefined) return
  const ask = createAskAuthority(context, { ...options, agent })
  if (state === 'absent' && (await ask(propose)) === undefined) return
  if (state !== 'active' && (await createAskAuthority(context, byNext)(activate)) === undefined) return
  copyFileSync(file, `${file}.previous`)
  renameSync(`${file}.next`, file)
  if (options.json === true) return sayJson(terminal, { agent, key: thumbprint, file: options.key })
  say(
    terminal,
    `${agent} signs with ${thumbprint} from now on: ${options.key}`,
    `  the key before it counts for a while yet: ${options.key}.previous`,
  )
}

/** How far the next key has come; `undefined`: the authority refused to say, and that is told. */
async function stateOf(
  context: CommandContext,
  options: KeyOptions & { readonly agent: string },
  thumbprint: string,
): Promise<'absent' | 'pending' | 'active' | undefined> {
  const answer = await createAskAuthority(context, options)({ method: 'GET', path: pathOf(options.agent) })
  if (answer === undefined) return undefined
  const state = itemsOf(answer).find((key) => key['thumbprint'] === thumbprint)?.['state']
  return state === undefined ? 'absent' : state === 'pending' ? 'pending' : 'active'
}

function readOrMakeNext(path: string): string {
  const { privateKey } = generateAgentKey()
  try {
    writeFileSync(path, privateKey, { mode: 0o600, flag: 'wx' })
    return privateKey
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    return readFileSync(path, 'utf8')
  }
}

function readKeyFile({ terminal }: CommandContext, file: string): string {
  try {
    return readFileSync(resolve(terminal.folder, file), 'utf8')
  } catch {
    throw new CommandError(`${file} cannot be read`, 'make a key: countermark keygen agt_7f2k9x')
  }
}

/** The public half as the authority takes it: nothing private leaves this machine. */
function publicHalf(privateKey: string): object {
  return createPublicKey(createPrivateKey(privateKey)).export({ format: 'jwk' })
}
