import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { type CommandContext, examples } from '../command-context.ts'
import { CommandError } from '../errors.ts'
import { paint, say, sayJson, type Terminal } from '../terminal.ts'
import { untilAborted } from './authority.ts'
import { startAuthorityService } from './authority-service.ts'
import { settleIn } from './dev-registry.ts'
import { readAddress } from './http-server.ts'
import { startSampleApi } from './sample-api.ts'

interface DevOptions {
  readonly port: string
  readonly apiPort: string
  readonly json?: boolean
}

/** `countermark dev`: an authority, a sample API and an agent on this machine, with nothing to configure. */
export function devCommand({ terminal }: CommandContext): Command {
  return new Command('dev')
    .summary('an authority, a sample API and an agent on this machine, to try things')
    .description(
      'Everything is in a temporary folder, which goes when this ends. For trying: never for others to reach.',
    )
    .option('--port <number>', 'where the authority listens', '8443')
    .option('--api-port <number>', 'where the sample API listens', '3000')
    .option('--json', 'for machines')
    .addHelpText('after', examples('countermark dev', 'countermark dev --api-port 4000'))
    .action((options: DevOptions) => run(terminal, options))
}

/** What was started, as it is told. */
interface Playground {
  readonly authority: string
  readonly api: string
  readonly folder: string
  readonly agent: string
}

async function run(terminal: Terminal, { port, apiPort, json }: DevOptions): Promise<void> {
  const ending = terminal.ending()
  const folder = await mkdtemp(join(tmpdir(), 'countermark-dev-'))
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const playground = await start({ ...terminal, folder }, await findPort(port), await findPort(apiPort), closing)
    if (json === true) sayJson(terminal, playground)
    else tell(terminal, playground)
    await untilAborted(ending)
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

async function start(
  terminal: Terminal,
  port: number,
  apiPort: number,
  closing: (() => unknown)[],
): Promise<Playground> {
  const [authority, api] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${apiPort}`]
  const { settings, agent, doorToken, enrol } = settleIn(terminal, { authority, port, audience: api })
  const service = await startAuthorityService(terminal, settings)
  closing.push(service.stop)
  await enrol()
  const sample = await startSampleApi(terminal, { authority, doorToken, origin: api, port: apiPort })
  closing.push(sample.end)
  return { authority, api, folder: terminal.folder, agent }
}

/** The port that was asked for, or another one where that is taken. */
async function findPort(given: string): Promise<number> {
  const { port } = readAddress('port', given)
  const found = (await tryPort(port)) ?? (await tryPort(0))
  if (found === undefined) throw new CommandError('no port of this machine is free')
  return found
}

function tryPort(port: number): Promise<number | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}

function tell(terminal: Terminal, { authority, api, folder, agent }: Playground): void {
  const command = (text: string, what: string): string =>
    `  npx countermark ${text}\n    ${paint(terminal, 'quiet', `→ ${what}`)}`
  const asAgent = `--agent ${agent} --key ${folder}/agent-key.pem`
  const asOps = `--agent agt_ops --key ${folder}/ops-key.pem`
  const read = `curl ${api}/orders ${asAgent} --token @${folder}/token.txt`
  say(
    terminal,
    `${paint(terminal, 'good', 'authority')}   ${authority}`,
    `${paint(terminal, 'good', 'sample API')}  ${api}   guarded by what that authority says`,
    `${paint(terminal, 'good', 'agent')}       ${agent}   registered, with a key and a token that allows orders:read`,
    '',
    'Try, in another terminal:',
    '',
    `  export COUNTERMARK_AUTHORITY=${authority}`,
    command(read, '200: it signs, its key is registered, its token allows it'),
    command(`${read.replace('/orders', '/refunds')} -X POST`, '403 insufficient_scope: its token does not allow it'),
    command(`token inspect @${folder}/token.txt`, 'what the token means, and what a door says of it'),
    command(`agent show ${agent} ${asOps}`, 'what the authority knows of it'),
    command(`stop agent ${agent} --reason "trying it" ${asOps}`, 'who is cut off; then how soon the API had it'),
    command(read, 'refused, until: agent resume'),
    '',
    'Ctrl-C ends everything and leaves nothing behind.',
  )
}
