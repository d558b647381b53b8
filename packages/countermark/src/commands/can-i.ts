import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request as requestHttp } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createAgentFetch, readRefusal, type UnderlyingFetch } from '@countermark/client'
import { Command } from 'commander'
import { type IdentityOptions, readIdentity, withIdentityOptions } from './agent-identity.ts'
import { loadApp } from './app-module.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { MOUNTED, REACHED } from './found-route.ts'
import { type RequestOptions, readRequest, withRequestOptions } from './request-arguments.ts'
import { toInit } from './signed-request.ts'
import { EXIT, paint, say, sayJson, type Terminal, withProgress } from './terminal.ts'

interface CanIOptions extends RequestOptions, IdentityOptions {
  readonly app: string
  readonly origin: string
  readonly jsonOutput?: boolean
}

/** What came of the question. */
interface Answer {
  readonly allowed: boolean
  readonly status: number
  readonly code: string | undefined
  readonly detail: string | undefined
}

/** `countermark can-i`: whether an agent may do something, without doing it. */
export function canICommand({ terminal, exit }: CommandContext): Command {
  const command = new Command('can-i')
    .summary('whether an agent may call a route, without running its handler')
    .description(
      'Loads the application, takes its handlers out, and sends one signed request through its guards, which record nothing.',
    )
    .argument('<method>', 'the method')
    .argument('<path>', 'the path, with a query where it matters')
    .requiredOption('--app <file>', 'the module that exports the application')
    .option('--origin <origin>', 'where agents call it, as its guard knows it', 'http://localhost:3000')
    .option('--json-output', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark can-i GET /orders --app app.js',
        'countermark can-i POST /refunds --app app.js --json \'{"amount":500,"currency":"EUR"}\' --token @token.txt',
      ),
    )
  withIdentityOptions(withRequestOptions(command))
  return command.action(async (method: string, path: string, options: CanIOptions) => {
    const answer = await withProgress(terminal, 'asking the guards', ask(terminal, method, path, options))
    if (options.jsonOutput === true) sayJson(terminal, answer)
    else tell(terminal, answer)
    exit(answer.allowed ? EXIT.yes : EXIT.no)
  })
}

async function ask(terminal: Terminal, method: string, path: string, options: CanIOptions): Promise<Answer> {
  const { rehearse } = await loadApp(terminal, options.app)
  const url = options.origin + path
  const request = readRequest(terminal, url, { ...options, request: method.toUpperCase() })
  const identity = readIdentity(terminal, url, options)
  const server = await listen(rehearse())
  try {
    const fetchHere = toPort((server.address() as AddressInfo).port)
    const response = await createAgentFetch({ ...identity, fetch: fetchHere })(url, toInit(request))
    if (response.headers.get(REACHED.name) === MOUNTED) throw mounted(path)
    const refusal = response.status >= 400 ? await readRefusal(response) : undefined
    return {
      allowed: response.headers.get(REACHED.name) === REACHED.value,
      status: response.status,
      code: refusal?.code,
      detail: refusal?.detail ?? refusal?.title,
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function mounted(path: string): CommandError {
  return new CommandError(
    `${path} belongs to an application that is mounted in this one, which cannot be looked into`,
    'export that application from a module of its own, and ask it: --app <file>',
  )
}

async function listen(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Sends what is meant for the service to the port where it is rehearsed, under the name that was signed. */
function toPort(port: number): UnderlyingFetch {
  return async (url, { method, headers, body }) => {
    const { host, pathname, search } = new URL(url)
    const sending = requestHttp({ host: '127.0.0.1', port, method, path: pathname + search, setHost: false })
    sending.setHeader('Host', host)
    for (const [name, value] of headers) sending.appendHeader(name, value)
    const content = body === undefined ? undefined : Buffer.from(await new Response(body).arrayBuffer())
    if (content !== undefined) sending.setHeader('Content-Length', content.length)
    sending.end(content)
    const [answer]: IncomingMessage[] = (await once(sending, 'response')) as IncomingMessage[]
    const received = new Headers()
    for (const [name, value] of Object.entries(answer?.headers ?? {})) received.set(name, [value].flat().join(', '))
    const bytes = answer === undefined ? Buffer.alloc(0) : await buffer(answer)
    return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), {
      status: answer?.statusCode ?? 500,
      headers: received,
    })
  }
}

function tell(terminal: Terminal, { allowed, status, code, detail }: Answer): void {
  if (allowed) say(terminal, `${paint(terminal, 'good', 'yes')}: the request reaches the handler`)
  else if (code === undefined)
    say(terminal, `${paint(terminal, 'bad', 'no')}: answered with ${status} before a handler was reached`)
  else say(terminal, `${paint(terminal, 'bad', 'no')}: ${status} ${code}${detail === undefined ? '' : `: ${detail}`}`)
}
