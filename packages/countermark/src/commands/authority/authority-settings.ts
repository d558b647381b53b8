import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { AuthorityOptions, EncryptionKeys } from '@countermark/authority'
import { isJsonObject, type JsonObject, optionTable, parseStrictJson, strings, text } from '@countermark/core/internal'
import { CommandError, reasonOf } from '../errors.ts'
import type { Terminal } from '../terminal.ts'
import { type ListenAddress, readAddress } from './http-server.ts'

/** What an authority that runs on its own is made from. */
export interface AuthoritySettings {
  readonly listen: ListenAddress
  /** Where Prometheus asks; `undefined`: nowhere. */
  readonly metricsListen: ListenAddress | undefined
  readonly storage: string
  readonly redis: string | undefined
  /** The file of the audit trail. */
  readonly audit: string
  /** A file of agents with the keys of administrators who are not registered yet. */
  readonly administratorKeys: string | undefined
  /** Files of the trails of doors, for the access review. */
  readonly decisions: readonly string[]
  readonly options: Omit<
    AuthorityOptions,
    'storage' | 'trail' | 'keys' | 'replayStore' | 'push' | 'observers' | 'decisions'
  >
}

const RULES = { maxDepth: 16, maxMembers: 10_000 }
const LISTS = ['origins', 'administrators', 'doorTokens', 'services', 'decisions', 'trustedProxies'] as const
/** Secrets have no place in a file that is copied about. */
const SECRETS = { doorTokens: 'COUNTERMARK_DOOR_TOKENS', sealingKeys: 'COUNTERMARK_SEALING_KEYS' } as const

const TABLE = optionTable('the options of the authority', {
  listen: text('127.0.0.1:8443'),
  metricsListen: text(),
  storage: text('file:./authority.db'),
  redis: text(),
  audit: text('authority-audit.ndjson'),
  administratorKeys: text(),
  sealingKeys: text(),
  origins: strings([]),
  administrators: strings([]),
  doorTokens: strings([]),
  services: strings([]),
  decisions: strings([]),
  trustedProxies: strings([]),
})
/** Options of `createAuthority` that are JSON already; it reads them itself. */
const HANDED_ON = [
  'people',
  'tokens',
  'keyAges',
  'overlapHours',
  'callsPerSecond',
  'sourceLimit',
  'doorStreams',
] as const

/**
 * Reads the file, if there is one, and what the environment says besides: `COUNTERMARK_STORAGE` comes before `storage`.
 * @throws CommandError
 */
export function readAuthoritySettings(terminal: Terminal, file: string | undefined): AuthoritySettings {
  const given = file === undefined ? {} : readOptionsFile(terminal, file)
  for (const [name, variable] of Object.entries(SECRETS)) {
    if (name in given) throw new CommandError(`${file}: ${name} is secret`, `give it by the environment: ${variable}`)
  }
  const own = TABLE.read({ ...given, ...readVariables(terminal) }, '', HANDED_ON)
  const { origins, administrators } = own
  requireSome('origins', origins, 'COUNTERMARK_ORIGINS=https://authority.example.com')
  requireSome('administrators', administrators, 'COUNTERMARK_ADMINISTRATORS=agent:agt_ops')
  const handedOn = Object.fromEntries(HANDED_ON.flatMap((name) => (name in given ? [[name, given[name]]] : [])))
  const { doorTokens, trustedProxies, sealingKeys } = own
  return {
    ...{ storage: own.storage, redis: own.redis, audit: own.audit, decisions: own.decisions },
    administratorKeys: own.administratorKeys,
    listen: readAddress('listen', own.listen),
    metricsListen: own.metricsListen === undefined ? undefined : readAddress('metricsListen', own.metricsListen),
    options: {
      ...handedOn,
      ...{ origins, administrators, doorTokens, trustedProxies, encryptionKeys: readSealingKeys(sealingKeys) },
      ...tokensOf(handedOn['tokens'], own.services, origins),
    },
  }
}

function readOptionsFile({ folder, variables }: Terminal, file: string): JsonObject {
  let value: unknown
  try {
    value = parseStrictJson(readFileSync(resolve(folder, file)), RULES)
  } catch (error) {
    throw new CommandError(`${file} cannot be read as JSON: ${reasonOf(error)}`, 'docs/authority.md has an example')
  }
  if (!isJsonObject(value)) throw new CommandError(`${file} must hold an object of options`)
  return fillIn(value, variables, file) as JsonObject
}

/** `${NAME}` in a text stands for a variable of the environment. */
function fillIn(value: unknown, variables: Terminal['variables'], file: string): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Z][A-Z0-9_]{0,63})\}/g, (_found, name: string) => {
      const filled = variables[name]
      if (filled === undefined) throw new CommandError(`${file} names \${${name}}, which the environment does not have`)
      return filled
    })
  }
  if (Array.isArray(value)) return value.map((each) => fillIn(each, variables, file))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fillIn(each, variables, file)]))
}

/** `COUNTERMARK_DOOR_TOKENS`, or the file that `COUNTERMARK_DOOR_TOKENS_FILE` names, as containers are given secrets. */
function readVariables({ variables, folder }: Terminal): Readonly<Record<string, string | readonly string[]>> {
  const found: Record<string, string | readonly string[]> = {}
  for (const name of TABLE.names) {
    const variable = `COUNTERMARK_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
    const file = variables[`${variable}_FILE`]
    const value = file === undefined ? variables[variable] : readSecret(resolve(folder, file), variable)
    if (value === undefined || value === '') continue
    const isList = (LISTS as readonly string[]).includes(name)
    found[name] = isList ? value.split(',').map((entry) => entry.trim()) : value
  }
  return found
}

function readSecret(path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new CommandError(`${variable}_FILE names ${path}, which cannot be read`)
  }
}

function requireSome(name: string, values: readonly string[], fix: string): void {
  if (values.length > 0) return
  throw new CommandError(`the authority needs ${name}`, `write them into the file (--config), or say ${fix}`)
}

/** `v2:BASE64,v1:BASE64`, the one that seals first; a single key needs no name. */
function readSealingKeys(given: string | undefined): EncryptionKeys {
  if (given === undefined) {
    const fix =
      'export COUNTERMARK_SEALING_KEYS="v1:$(openssl rand -base64 32)", and keep it: without it the database does not open'
    throw new CommandError('the authority needs a key that seals its own signing keys at rest', fix)
  }
  const named = given.split(',').map((entry): readonly [string, string] => {
    const [first = '', second] = entry.trim().split(':', 2)
    return second === undefined ? ['v1', first] : [first, second]
  })
  const keys = Object.fromEntries(named)
  if (Object.keys(keys).length < named.length)
    throw new CommandError('COUNTERMARK_SEALING_KEYS names a version twice', 'such as v2:BASE64,v1:BASE64')
  return keys
}

/** Tokens are issued for `services`, or as `tokens` says in full; the issuer is the first origin unless it is named. */
function tokensOf(
  tokens: unknown,
  services: readonly string[],
  [origin = '']: readonly string[],
): Pick<AuthorityOptions, 'tokens'> {
  if (tokens === undefined && services.length === 0) return {}
  if (tokens !== undefined && !isJsonObject(tokens)) throw new CommandError('tokens must be an object of options')
  if (tokens?.['services'] !== undefined && services.length > 0)
    throw new CommandError('services stand in two places', 'leave tokens.services or services out')
  const issuer = origin.includes('://') ? origin : `https://${origin}`
  const listed = services.length === 0 ? {} : { services: services.map((audience) => ({ audience })) }
  return { tokens: { issuer, ...listed, ...tokens } as unknown as NonNullable<AuthorityOptions['tokens']> }
}
