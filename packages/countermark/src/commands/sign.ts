import { Command } from 'commander'
import { type IdentityOptions, readIdentity, withIdentityOptions } from './agent-identity.ts'
import { type CommandContext, examples } from './command-context.ts'
import { type RequestOptions, readRequest, withRequestOptions } from './request-arguments.ts'
import { signOnly } from './signed-request.ts'
import { say, sayJson } from './terminal.ts'

/** `countermark sign`: the header fields that a signed request has, without sending it. */
export function signCommand({ terminal }: CommandContext): Command {
  const command = new Command('sign')
    .summary('print the header fields of a signed request')
    .argument('<url>', 'the URL as the agent calls it')
    .option('--json-output', 'for machines')
    .addHelpText('after', examples('countermark sign http://localhost:3000/orders --json \'{"item":"kettle"}\''))
  withIdentityOptions(withRequestOptions(command))
  return command.action(
    async (url: string, options: RequestOptions & IdentityOptions & { readonly jsonOutput?: boolean }) => {
      const request = readRequest(terminal, url, options)
      const headers = await signOnly(readIdentity(terminal, url, options), request)
      if (options.jsonOutput === true) sayJson(terminal, { method: request.method, url, headers })
      else say(terminal, ...headers.map(([name, value]) => `${name}: ${value}`))
    },
  )
}
