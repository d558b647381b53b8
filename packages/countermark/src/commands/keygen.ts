import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type AgentKeyAlgorithm, type GeneratedAgentKey, generateAgentKey } from '@countermark/client'
import { Command, Option } from 'commander'
import { addAgentKey, agentEntry } from './agents-file.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, hasCode } from './errors.ts'
import { paint, say, sayJson, type Terminal } from './terminal.ts'

interface KeygenOptions {
  readonly out: string
  readonly algorithm: AgentKeyAlgorithm
  readonly agents?: string
  readonly json?: boolean
}

/** `countermark keygen`: a key pair; the private half goes into a file that only its owner reads. */
export function keygenCommand({ terminal }: CommandContext): Command {
  return new Command('keygen')
    .summary('make the key pair of an agent')
    .description('Writes a private key (PKCS #8 PEM, mode 0600) and prints the public half as the backend takes it.')
    .argument('<agent>', 'the id of the agent, such as agt_7f2k9x')
    .option('-o, --out <file>', 'where the private key goes', 'agent-key.pem')
    .addOption(
      new Option('--algorithm <name>', 'what the key is for')
        .choices(['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512'])
        .default('ed25519'),
    )
    .option('--agents <file>', 'add the public key to this file of agents, which is made if need be')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark keygen agt_7f2k9x',
        'countermark keygen agt_7f2k9x --agents agents.json --out keys/agent.pem',
      ),
    )
    .action((agent: string, options: KeygenOptions) => {
      const key = writeAgentKey(terminal, agent, options)
      if (options.json === true) sayJson(terminal, { file: options.out, entry: agentEntry(agent, key) })
      else tellKey(terminal, agent, options, key)
    })
}

/** Where a key goes, and what it is for. */
export type KeyPlaces = Pick<KeygenOptions, 'out' | 'agents' | 'algorithm'>

/**
 * Writes a new private key, and adds the public one to a file of agents.
 * @throws CommandError when a file with that name is there: a key is never written over
 */
export function writeAgentKey(terminal: Terminal, agent: string, places: KeyPlaces): GeneratedAgentKey {
  const key = generateAgentKey({ algorithm: places.algorithm })
  try {
    writeFileSync(resolve(terminal.folder, places.out), key.privateKey, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    throw new CommandError(`${places.out} exists already`, 'a key is never written over: choose another file by --out')
  }
  if (places.agents !== undefined) addAgentKey(resolve(terminal.folder, places.agents), agent, key)
  return key
}

function tellKey(terminal: Terminal, agent: string, { out, agents }: KeygenOptions, key: GeneratedAgentKey): void {
  say(terminal, `${paint(terminal, 'good', 'private key')}  ${out}   only the agent may have it`)
  say(terminal, `${paint(terminal, 'good', 'key id')}       ${key.thumbprint}`)
  if (agents !== undefined) {
    say(terminal, `${paint(terminal, 'good', 'agents')}       ${agents}   now knows the public key of ${agent}`)
    return
  }
  say(terminal, '', 'For the backend, in agents.json (see --agents):', '')
  say(terminal, JSON.stringify({ agents: [agentEntry(agent, key)] }, undefined, 2))
}
