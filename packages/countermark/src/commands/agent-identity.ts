import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { AgentFetchOptions } from '@countermark/client'
import { importPublicKey } from '@countermark/core'
import { type Command, Option } from 'commander'
import { findAgentOf } from './agents-file.ts'
import { CommandError } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** Who signs, as the command line says it. */
export interface IdentityOptions {
  readonly key: string
  readonly agent?: string
  readonly keyId?: string
  readonly form: 'httpsig' | 'simple-v1' | 'dpop'
  readonly token?: string
  readonly dpop?: boolean
}

/** Adds the flags that say who signs. */
export function withIdentityOptions(command: Command): Command {
  return command
    .option('--key <file>', 'the private key of the agent', 'agent-key.pem')
    .option('--agent <id>', 'who signs (default: COUNTERMARK_AGENT, or whose key it is in agents.json)')
    .option('--key-id <id>', 'how the backend knows the key (default: its thumbprint)')
    .addOption(new Option('--form <name>', 'how to sign').choices(['httpsig', 'simple-v1', 'dpop']).default('httpsig'))
    .option('--token <text>', 'a delegation token, or @file: sent as Authorization')
    .option('--dpop', 'prove possession of the key beside the token')
}

/**
 * The options of an agent fetch that signs for one URL.
 * @throws CommandError
 */
export function readIdentity(terminal: Terminal, url: string, options: IdentityOptions): AgentFetchOptions {
  const { keyId, form, dpop = false } = options
  const key = readKey(terminal, options.key)
  const token = readToken(terminal, options.token)
  return {
    agentId: options.agent ?? terminal.variables['COUNTERMARK_AGENT'] ?? findAgent(terminal, options.key, key),
    key,
    origins: [new URL(url).origin],
    form,
    ...(keyId === undefined ? {} : { keyId }),
    ...(token === undefined ? {} : { authorization: `${dpop ? 'DPoP' : 'Bearer'} ${token}` }),
    ...(dpop ? { dpop: true } : {}),
  }
}

function readKey({ folder }: Terminal, file: string): string {
  try {
    return readFileSync(resolve(folder, file), 'utf8')
  } catch {
    throw new CommandError(
      `${file} cannot be read`,
      'make a key: countermark keygen agt_7f2k9x; or name it: --key FILE',
    )
  }
}

function readToken({ folder }: Terminal, token: string | undefined): string | undefined {
  return token?.startsWith('@') === true ? readFileSync(resolve(folder, token.slice(1)), 'utf8').trim() : token
}

/** Whose key it is, by the file of agents beside it. */
function findAgent({ folder }: Terminal, file: string, key: string): string {
  const { thumbprint } = importPublicKey(publicHalfOf(file, key))
  const agent = findAgentOf(resolve(folder, 'agents.json'), thumbprint, (jwk) => importPublicKey({ ...jwk }).thumbprint)
  if (agent !== undefined) return agent
  throw new CommandError(`nothing says whose key ${file} is`, 'name the agent: --agent agt_7f2k9x')
}

function publicHalfOf(file: string, key: string): KeyObject {
  try {
    return createPublicKey(key)
  } catch {
    throw new CommandError(`${file} is no private key`, 'expected PEM, as countermark keygen writes it')
  }
}
