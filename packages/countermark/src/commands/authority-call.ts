import { createAgentFetch } from '@countermark/client'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { Command } from 'commander'
import { type IdentityOptions, readIdentity, withIdentityOptions } from './agent-identity.ts'
import type { CommandContext } from './command-context.ts'
import { CommandError, reasonOf } from './errors.ts'
import type { DescribedRequest } from './request-arguments.ts'
import { writeShellRecipe } from './shell-recipe.ts'
import { signOnly, toInit } from './signed-request.ts'
import { tellRefusal } from './tell-refusal.ts'
import { EXIT, layOut, say, sayJson } from './terminal.ts'

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

/** One request to an authority. */
export interface AuthorityRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  /** Sent as OAuth wants it, in place of a body. */
  readonly form?: readonly (readonly [name: string, value: string])[]
  /** Which revision is changed: the `ETag` of the authority is `"r7"` for revision 7. */
  readonly ifMatch?: number
}

/** What the authority answered; `undefined`: it was refused, and that is told. */
export type AskAuthority = (request: AuthorityRequest) => Promise<JsonObject | undefined>

/**
 * Signs requests and sends them. What is refused is told, and ends the command with 1.
 * @throws CommandError
 */
export function createAskAuthority(context: CommandContext, options: AuthorityCallOptions): AskAuthority {
  const { terminal, exit } = context
  const base = baseOf(context, options)
  return async (request) => {
    const described = describe(base, request)
    const identity = readIdentity(terminal, described.url, options)
    const response = await send(base, createAgentFetch(identity)(described.url, toInit(described)))
    const value = parse(await response.text())
    if (!isJsonObject(value)) throw new CommandError(`${base} answers like no authority`)
    if (response.ok) return value
    exit(EXIT.no)
    if (options.json === true) sayJson(terminal, value)
    else tellRefusal(terminal, response.status, value)
    return undefined
  }
}

/** What is asked, and how the answer reads: for people, and for machines where that is not the answer itself. */
export interface Question {
  readonly request: AuthorityRequest
  readonly lines: (answer: JsonObject) => readonly string[]
  readonly json?: (answer: JsonObject) => unknown
}

/** Prints the request where `--curl` asks for that; else sends it and says what came back. */
export async function askAndTell(
  context: CommandContext,
  options: AuthorityCallOptions,
  { request, lines, json = (answer) => answer }: Question,
): Promise<void> {
  if (await sayCurl(context, options, request)) return
  const answer = await createAskAuthority(context, options)(request)
  if (answer === undefined) return
  if (options.json === true) sayJson(context.terminal, json(answer))
  else say(context.terminal, ...lines(answer))
}

/** The pages of a list, one after the other; `undefined`: one was refused, and that is told. */
export async function askForAll(ask: AskAuthority, path: string): Promise<readonly JsonObject[] | undefined> {
  const items: JsonObject[] = []
  for (let cursor = ''; ; ) {
    const more = cursor === '' ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`
    const answer = await ask({ method: 'GET', path: path + more })
    if (answer === undefined) return undefined
    items.push(...itemsOf(answer))
    const { next } = answer
    if (typeof next !== 'string' || next === '' || next === cursor) return items
    cursor = next
  }
}

/** Prints the first request of a list where `--curl` asks for that; else all of it, a row each. */
export async function listAndTell(
  context: CommandContext,
  options: AuthorityCallOptions,
  list: {
    readonly path: string
    readonly heading: readonly string[]
    readonly row: (item: JsonObject) => readonly string[]
  },
): Promise<void> {
  if (await sayCurl(context, options, { method: 'GET', path: list.path })) return
  const items = await askForAll(createAskAuthority(context, options), list.path)
  if (items === undefined) return
  if (options.json === true) sayJson(context.terminal, items)
  else say(context.terminal, ...layOut([list.heading, ...items.map(list.row)]))
}

/** The entries of a list. */
export function itemsOf({ items }: JsonObject): readonly JsonObject[] {
  return Array.isArray(items) ? items.filter(isJsonObject) : []
}

/** A time of the authority for people; a dash where there is none. */
export function timeOf(value: unknown): string {
  return typeof value === 'number' && Math.abs(value) <= LATEST_MS ? new Date(value).toISOString() : '-'
}

const LATEST_MS = 8.64e15

/** Prints the request instead of sending it, where `--curl` asks for that. @returns whether it did */
export async function sayCurl(
  context: CommandContext,
  options: AuthorityCallOptions,
  request: AuthorityRequest,
): Promise<boolean> {
  if (options.curl !== true) return false
  const { terminal } = context
  const described = describe(baseOf(context, options), request)
  const headers = await signOnly(readIdentity(terminal, described.url, options), described)
  say(terminal, writeShellRecipe({ request: described, headers, keyFile: options.key }))
  return true
}

/** Where the authority is. @throws CommandError */
export function baseOf({ terminal }: CommandContext, { authority }: AuthorityCallOptions): string {
  const base = (authority ?? terminal.variables['COUNTERMARK_AUTHORITY'])?.replace(/\/$/, '')
  if (base !== undefined && URL.canParse(base)) return base
  const fix = 'name it: --authority https://authority.example.com, or COUNTERMARK_AUTHORITY'
  throw new CommandError('nothing says where the authority is', fix)
}

function describe(base: string, { method, path, body, form, ifMatch }: AuthorityRequest): DescribedRequest {
  const headers: (readonly [string, string])[] = ifMatch === undefined ? [] : [['If-Match', `"r${ifMatch}"`]]
  if (form !== undefined) {
    const content = Buffer.from(
      new URLSearchParams(form.map(([name, value]): [string, string] => [name, value])).toString(),
    )
    return { url: base + path, method, headers: [...headers, FORM], body: content }
  }
  if (body === undefined) return { url: base + path, method, headers, body: undefined }
  return { url: base + path, method, headers: [...headers, JSON_TYPE], body: Buffer.from(JSON.stringify(body)) }
}

const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const
const JSON_TYPE = ['Content-Type', 'application/json'] as const

async function send(base: string, sending: Promise<Response>): Promise<Response> {
  try {
    return await sending
  } catch (error) {
    throw new CommandError(`${base} gave no answer: ${reasonOf(error)}`, 'does it run there? --authority says where')
  }
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return undefined // an answer of something else, such as the page of a proxy
  }
}
