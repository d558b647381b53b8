import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createAgentFetch, readRefusal } from '@countermark/client'
import { Command } from 'commander'
import { type IdentityOptions, readIdentity, withIdentityOptions } from './agent-identity.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, reasonOf } from './errors.ts'
import { type RequestOptions, readRequest, requireUrl, withRequestOptions } from './request-arguments.ts'
import { writeShellRecipe } from './shell-recipe.ts'
import { signOnly, toInit } from './signed-request.ts'
import { EXIT, paint, say, type Terminal, warn, withProgress } from './terminal.ts'

interface CurlOptions extends RequestOptions, IdentityOptions {
  readonly include?: boolean
  readonly location?: boolean
  readonly output?: string
  readonly maxTime?: string
  readonly print?: boolean
}

/** `countermark curl`: one signed request, with curl's own flags. */
export function curlCommand({ terminal, exit }: CommandContext): Command {
  const command = new Command('curl')
    .summary('send a signed request, with curl’s own flags')
    .argument('<url>', 'the URL to call')
    .option('-i, --include', 'show status and header fields of the answer')
    .option('-L, --location', 'follow redirects to the same origin, signed anew')
    .option('-o, --output <file>', 'where the content of the answer goes')
    .option('-m, --max-time <seconds>', 'give up after this time', '30')
    .option('--print', 'print the same request as openssl and curl send it, and send nothing')
    .addHelpText(
      'after',
      examples(
        'countermark curl http://localhost:3000/orders',
        'countermark curl http://localhost:3000/orders --json \'{"item":"kettle"}\' -i',
        'countermark curl https://api.example.com/orders --token @token.txt --dpop',
        'countermark curl http://localhost:3000/orders -d item=kettle --print | sh',
      ),
    )
  withIdentityOptions(withRequestOptions(command))
  return command.action(async (url: string, options: CurlOptions) => {
    requireUrl(url)
    if (options.print === true) return say(terminal, await printRecipe(terminal, url, options))
    const response = await withProgress(terminal, `waiting for ${new URL(url).host}`, send(terminal, url, options))
    await show(terminal, response, options)
    exit(response.status < 400 ? EXIT.yes : EXIT.no)
  })
}

async function printRecipe(terminal: Terminal, url: string, options: CurlOptions): Promise<string> {
  const request = readRequest(terminal, url, options)
  const headers = await signOnly(readIdentity(terminal, url, options), request)
  return writeShellRecipe({ request, headers, keyFile: options.key })
}

async function send(terminal: Terminal, url: string, options: CurlOptions): Promise<Response> {
  const request = readRequest(terminal, url, options)
  const agentFetch = createAgentFetch(readIdentity(terminal, url, options))
  const seconds = Number(options.maxTime)
  if (!(seconds > 0)) throw new CommandError('--max-time takes seconds', 'such as --max-time 10')
  try {
    return await agentFetch(url, {
      ...toInit(request),
      redirect: options.location === true ? 'follow' : 'manual',
      signal: AbortSignal.timeout(seconds * 1000),
    })
  } catch (error) {
    throw new CommandError(`${new URL(url).host} gave no answer: ${reasonOf(error)}`)
  }
}

async function show(terminal: Terminal, response: Response, options: CurlOptions): Promise<void> {
  const refusal = response.status >= 400 ? await readRefusal(response) : undefined
  if (options.include === true) {
    const line = `HTTP ${response.status} ${response.statusText}`.trimEnd()
    say(terminal, paint(terminal, response.ok ? 'good' : 'bad', line))
    for (const [name, value] of response.headers) say(terminal, `${name}: ${value}`)
    say(terminal, '')
  }
  const content = Buffer.from(await response.arrayBuffer())
  if (options.output !== undefined) writeFileSync(resolve(terminal.folder, options.output), content)
  else if (content.length > 0) terminal.stdout.write(content)
  if (content.length > 0 && options.output === undefined && content.at(-1) !== 0x0a) terminal.stdout.write('\n')
  if (refusal === undefined) return
  warn(terminal, `${paint(terminal, 'bad', 'refused:')} ${response.status} ${refusal.code}`)
  warn(terminal, `  what to do: npx countermark explain ${refusal.code}`)
  // Meant to be copied into a shell.
  if (!/^[\w-]{1,64}$/.test(refusal.requestId ?? '')) return
  warn(terminal, `  why, where the service keeps a trail: npx countermark explain ${refusal.requestId} --trail FILE`)
}
