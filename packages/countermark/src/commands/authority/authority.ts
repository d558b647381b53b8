import type { StoredSigningKeys } from '@countermark/authority'
import { Command } from 'commander'
import { type CommandContext, examples } from '../command-context.ts'
import { loadAuthority } from '../installed-package.ts'
import { paint, say, sayJson, type Terminal } from '../terminal.ts'
import { type AuthorityService, placeOf, startAuthorityService } from './authority-service.ts'
import { type AuthoritySettings, readAuthoritySettings } from './authority-settings.ts'

interface AuthorityCommandOptions {
  readonly config?: string
  readonly listen?: string
  readonly metricsListen?: string
  readonly json?: boolean
}

/** `countermark authority`: runs an authority on its own, until it is told to end. */
export function authorityCommand({ terminal }: CommandContext): Command {
  const command = new Command('authority')
    .summary('run an authority on its own')
    .description('Registers agents, issues tokens, stops them. Options come from a file and from the environment.')
    .option('-c, --config <file>', 'a file of options, JSON')
    .option('--listen <address>', 'where callers reach it (default: 127.0.0.1:8443)')
    .option('--metrics-listen <address>', 'where Prometheus asks (default: nowhere)')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark keygen agt_ops --agents administrators.json --out ops-key.pem',
        'export COUNTERMARK_SEALING_KEYS="v1:$(openssl rand -base64 32)"',
        'export COUNTERMARK_ORIGINS=http://127.0.0.1:8443 COUNTERMARK_ADMINISTRATORS=agent:agt_ops',
        'export COUNTERMARK_ADMINISTRATOR_KEYS=administrators.json',
        'countermark authority',
        'countermark authority --config authority.json --metrics-listen 127.0.0.1:9464',
      ),
    )
    .action((options: AuthorityCommandOptions) => run(terminal, options))
  for (const [name, summary, work] of KEY_WORK) {
    const part = new Command(name).summary(summary)
    command.addCommand(part.action(() => workOnKeys(terminal, command.opts<AuthorityCommandOptions>().config, work)))
  }
  return command
}

type WorkOnKeys = (keys: StoredSigningKeys) => Promise<string>

/** What is done to the authority's own keys, in its database, while it runs or not. */
const KEY_WORK: readonly (readonly [name: string, summary: string, work: WorkOnKeys])[] = [
  [
    'rotate-signing-key',
    'publish the next key that signs tokens; it signs an hour later',
    async ({ rotate }) => `${await rotate()} is published, signs in an hour, and takes the place of the key before it`,
  ],
  [
    'reseal',
    'seal the signing keys again, under the first of COUNTERMARK_SEALING_KEYS',
    async ({ reseal }) => {
      await reseal()
      return 'sealed; in a day nothing needs the other sealing keys any more'
    },
  ],
]

async function workOnKeys(terminal: Terminal, config: string | undefined, work: WorkOnKeys): Promise<void> {
  const { createSealAtRest, openStore, storedSigningKeys } = await loadAuthority(terminal)
  const { storage, options } = readAuthoritySettings(terminal, config)
  const store = openStore(placeOf(storage, terminal.folder))
  try {
    const seal = createSealAtRest(options.encryptionKeys)
    say(terminal, await work(storedSigningKeys({ store, seal, clock: terminal.clock })))
  } finally {
    await store.close()
  }
}

async function run(
  terminal: Terminal,
  { config, json, listen, metricsListen }: AuthorityCommandOptions,
): Promise<void> {
  const ending = terminal.ending()
  const variables = {
    ...terminal.variables,
    ...(listen === undefined ? {} : { COUNTERMARK_LISTEN: listen }),
    ...(metricsListen === undefined ? {} : { COUNTERMARK_METRICS_LISTEN: metricsListen }),
  }
  const settings = readAuthoritySettings({ ...terminal, variables }, config)
  const begunMs = terminal.clock.monotonicMs()
  const service = await startAuthorityService(terminal, settings)
  const startedMs = Math.round(terminal.clock.monotonicMs() - begunMs)
  if (json === true) sayJson(terminal, { ...describe(service, settings), startedMs })
  else tell(terminal, service, { settings, startedMs })
  await untilAborted(ending)
  if (json !== true) say(terminal, 'ending: what is under way is finished first')
  await service.stop()
}

/** Resolves when a signal is aborted, or was. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function describe(
  { address, metricsAddress }: AuthorityService,
  { options, storage, audit, redis }: AuthoritySettings,
) {
  return {
    ...{ address, metricsAddress, origins: options.origins, issuer: options.tokens?.issuer },
    ...{ storage: withoutPassword(storage), redis: redis && withoutPassword(redis), audit },
  }
}

function tell(
  terminal: Terminal,
  service: AuthorityService,
  { settings, startedMs }: { readonly settings: AuthoritySettings; readonly startedMs: number },
): void {
  const { address, metricsAddress, issuer, storage, redis, audit } = describe(service, settings)
  const { doorTokens = [], administrators } = settings.options
  const line = (name: string, value: string): string => `${paint(terminal, 'good', name.padEnd(14))} ${value}`
  say(
    terminal,
    line('authority', `${address}   started in ${startedMs} ms; /healthz, /readyz`),
    line('database', storage),
    line('signatures', redis ?? 'remembered by this process, which must be the only one'),
    line('trail', audit),
    line('administrators', administrators.join(', ')),
    line('tokens', issuer ?? 'none are issued: name services'),
    line('doors', doorTokens.length === 0 ? 'none hear of stops: give doorTokens' : `${doorTokens.length} tokens`),
    line(
      'metrics',
      metricsAddress === undefined ? 'none: --metrics-listen 127.0.0.1:9464' : `${metricsAddress}/metrics`,
    ),
  )
}

/** Addresses of databases may hold one. */
function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  if (url.password === '') return address
  url.password = '…'
  return url.href.replace('%E2%80%A6', '…')
}
