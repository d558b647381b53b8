import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import type { JsonObject } from '@countermark/core/internal'
import { Command, Option } from 'commander'
import {
  type AuthorityCallOptions,
  type AuthorityRequest,
  addAuthorityPart,
  createAskAuthority,
  sayCurl,
  withAuthorityOptions,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { EXIT, paint, say, sayJson, type Terminal, warn } from './terminal.ts'
import { type InspectedToken, inspectToken } from './token-inspection.ts'

interface TokenOptions extends AuthorityCallOptions {
  readonly service: readonly string[]
  readonly scope?: readonly string[]
  readonly subjectToken: string
  readonly subjectTokenType: string
  readonly details?: string
  readonly out?: string
  readonly offline?: boolean
  readonly audience?: string
}

const TYPE = 'urn:ietf:params:oauth:token-type:'
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** `countermark token`: gets and exchanges tokens, and says what one means. */
export function tokenCommand(context: CommandContext): Command {
  const command = new Command('token')
    .summary('get a token, exchange one, or say what one means')
    .addHelpText(
      'after',
      examples(
        'countermark token get --service https://api.example.com --scope orders:read --out token.txt',
        'countermark token exchange --subject-token @user.txt --service https://api.example.com',
        'countermark token inspect @token.txt',
      ),
    )
  addGet(context, command)
  addExchange(context, command)
  addInspect(context, command)
  return command
}

function withTarget(part: Command): Command {
  return part
    .requiredOption('--service <url...>', 'for which service, as its tokens name it')
    .option('--scope <scope...>', 'what for (default: all that may be given)')
    .option('--details <json>', 'constraints: authorization_details (RFC 9396)')
    .option('-o, --out <file>', 'where the token goes (default: standard output)')
}

function addGet(context: CommandContext, command: Command): void {
  const get = addAuthorityPart(command, { name: 'get', summary: 'a token for the agent itself' })
  withTarget(get).action((options: TokenOptions) => obtain(context, options, [['grant_type', 'client_credentials']]))
}

function addExchange(context: CommandContext, command: Command): void {
  const exchange = addAuthorityPart(command, { name: 'exchange', summary: "one for another's token (RFC 8693)" })
  withTarget(exchange)
    .requiredOption('--subject-token <text>', 'the token of the user, or of the agent before: text, @file or -')
    .addOption(
      new Option('--subject-token-type <word>', 'what it is')
        .choices(['access_token', 'id_token', 'jwt'])
        .default('access_token'),
    )
    .action(async (options: TokenOptions) => {
      const subject = await readToken(context.terminal, options.subjectToken)
      const type = TYPE + options.subjectTokenType
      const fields = [['subject_token', subject] as const, ['subject_token_type', type] as const]
      return obtain(context, options, [['grant_type', GRANT], ...fields])
    })
}

function addInspect(context: CommandContext, command: Command): void {
  const inspect = new Command('inspect')
    .summary('say what a token means, and what a door would say of it')
    .argument('<token>', 'text, @file, or - for standard input')
    .option('--audience <name>', 'who the door is (default: whom the token names)')
    .option('--offline', 'ask the issuer nothing: read the claims alone')
  command.addCommand(inspect)
  withAuthorityOptions(inspect).action(async (given: string, options: TokenOptions) => {
    const { terminal, exit } = context
    if (options.curl === true) throw new CommandError('token inspect sends no request of its own: leave --curl out')
    const trusted = options.authority ?? terminal.variables['COUNTERMARK_AUTHORITY']
    const found = await inspectToken(await readToken(terminal, given), {
      ...{ clock: terminal.clock, isOffline: options.offline === true },
      ...(trusted === undefined ? {} : { trusted: trusted.replace(/\/$/, '') }),
      ...(options.audience === undefined ? {} : { audience: options.audience }),
    })
    if (options.json === true) sayJson(terminal, found)
    else tellInspected(terminal, found)
    exit(found.door === undefined || found.door.isAccepted ? EXIT.yes : EXIT.no)
  })
}

async function obtain(
  context: CommandContext,
  options: TokenOptions,
  grant: readonly (readonly [string, string])[],
): Promise<void> {
  const { service, scope, details } = options
  const request: AuthorityRequest = {
    ...{ method: 'POST', path: '/token' },
    form: [
      ...grant,
      ...service.map((name) => ['resource', name] as const),
      ...(scope === undefined ? [] : [['scope', scope.join(' ')] as const]),
      ...(details === undefined ? [] : [['authorization_details', details] as const]),
    ],
  }
  if (await sayCurl(context, options, request)) return
  // The flag `--token` sends a token along with every request; here the key alone proves who asks.
  const { token: _, dpop: __, ...asking } = options
  const answer = await createAskAuthority(context, asking)(request)
  if (answer !== undefined) tellToken(context.terminal, answer, options)
}

/** The token alone on standard output, so that a shell can take it. */
function tellToken(terminal: Terminal, answer: JsonObject, { json, out }: TokenOptions): void {
  const { access_token: token, expires_in: seconds, scope } = answer
  if (out !== undefined) writeFileSync(resolve(terminal.folder, out), `${token}\n`, { mode: 0o600 })
  if (json === true) sayJson(terminal, out === undefined ? answer : { ...answer, access_token: undefined, file: out })
  else if (out === undefined) say(terminal, String(token))
  if (json === true) return
  warn(terminal, `${out === undefined ? '' : `${out}: `}for ${seconds} s, for ${scope ?? 'no scope'}`)
}

async function readToken({ folder, stdin }: Terminal, given: string): Promise<string> {
  const text = given === '-' ? await readText(stdin) : given.startsWith('@') ? readFile(folder, given.slice(1)) : given
  return text.trim().replace(/^(?:Bearer|DPoP) +/i, '')
}

function readFile(folder: string, file: string): string {
  try {
    return readFileSync(resolve(folder, file), 'utf8')
  } catch {
    throw new CommandError(`${file} cannot be read`, 'a token comes from a file by @token.txt')
  }
}

function tellInspected(terminal: Terminal, { claims, door }: InspectedToken): void {
  const width = Math.max(...claims.map(({ name }) => name.length))
  for (const { name, meaning } of claims) say(terminal, `${paint(terminal, 'strong', name.padEnd(width))}  ${meaning}`)
  if (door === undefined) {
    say(terminal, '', 'not verified: --offline')
    return
  }
  const { isAccepted, code, reason, assumed } = door
  const verdict = isAccepted
    ? paint(terminal, 'good', 'accepted')
    : `${paint(terminal, 'bad', 'refused')}: ${code}: ${reason}`
  say(terminal, '', `a door of ${door.audience} says: ${verdict}`, ...assumed.map((line) => `  ${line}`))
  if (code !== undefined) say(terminal, `  what to do: countermark explain ${code}`)
}
