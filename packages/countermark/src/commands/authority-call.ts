import { createAgentFetch } from '@countermark/client'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { Command } from 'commander'
import { type IdentityOptions, readIdentity, withIdentityOptions } from './agent-identity.ts'
import type { CommandContext } from './command-context.ts'
import { CommandError } from './errors.ts'
import type { DescribedRequest } from './request-arguments.ts'
import { writeShellRecipe } from './shell-recipe.ts'
import { signOnly, toInit } from './signed-request.ts'
import { EXIT, paint, say, sayJson } from './terminal.ts'

/** Flags of every command that talks to an authority. */
export interface AuthorityCallOptions extends IdentityOptions {
  readonly authority?: string
  readonly json?: boolean
  readonly curl?: boolean
}

/** A command beneath another one that asks an authority. */
export interface AuthorityPart {
  readonly name: string
  readonly summary: string
  /** As commander writes it, such as `<agent>`, and what it means. */
  readonly argument?: readonly [form: string, meaning: string]
}

/** Adds a command that asks an authority beneath another one. */
export function addAuthorityPart(parent: Command, { name, summary, argument }: AuthorityPart): Command {
  const part = withAuthorityOptions(new Command(name).summary(summary))
  parent.addCommand(argument === undefined ? part : part.argument(...argument))
  return part
}

/** Adds the options by which an authority is found and asked. */
export function withAuthorityOptions(command: Command): Command {
  return withIdentityOptions(command)
    .option('--authority <url>', 'the authority (default: COUNTERMARK_AUTHORITY)')
    .option('--json', 'for machines')
    .option('--curl', 'print the request for openssl and curl, and send nothing')
}

/** One request to the API of an authority. */
export interface AuthorityRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: object
}

/** What the authority answered; `undefined`: it was refused, and that is told. */
export type AskAuthority = (request: AuthorityRequest) => Promise<JsonObject | undefined>

/**
 * Signs requests and sends them. What is refused is told, and ends the command with 1.
 * @throws CommandError
 */
export function createAskAuthority({ terminal, exit }: CommandContext, options: AuthorityCallOptions): AskAuthority {
  const base = (options.authority ?? terminal.variables['COUNTERMARK_AUTHORITY'])?.replace(/\/$/, '')
  if (base === undefined || !URL.canParse(base)) {
    throw new CommandError('nothing says where the authority is', 'name it: --authority https://authority.example.com')
  }
  return async (request) => {
    const described = describe(base, request)
    const identity = readIdentity(terminal, described.url, options)
    const response = await createAgentFetch(identity)(described.url, toInit(described))
    const text = await response.text()
    const value: unknown = text === '' ? {} : JSON.parse(text)
    if (!isJsonObject(value)) throw new CommandError(`${base} answers like no authority`)
    if (response.ok) return value
    exit(EXIT.no)
    if (options.json === true) sayJson(terminal, value)
    else say(terminal, `${paint(terminal, 'bad', 'no')}: ${response.status} ${value['code']}: ${value['detail']}`)
    return undefined
  }
}

/** Prints the request instead of sending it, where `--curl` asks for that. @returns whether it did */
export async function sayCurl(
  { terminal }: CommandContext,
  options: AuthorityCallOptions,
  request: AuthorityRequest,
): Promise<boolean> {
  if (options.curl !== true) return false
  const base = (options.authority ?? terminal.variables['COUNTERMARK_AUTHORITY'] ?? '').replace(/\/$/, '')
  const described = describe(base, request)
  const headers = await signOnly(readIdentity(terminal, described.url, options), described)
  say(terminal, writeShellRecipe({ request: described, headers, keyFile: options.key }))
  return true
}

function describe(base: string, { method, path, body }: AuthorityRequest): DescribedRequest {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const headers = content === undefined ? [] : [['Content-Type', 'application/json'] as const]
  return { url: base + path, method, headers, body: content }
}
