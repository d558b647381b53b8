import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import type { Command } from 'commander'
import { CommandError, reasonOf } from '../errors.ts'
import { tellRefusal } from '../tell-refusal.ts'
import { sayJson, type Terminal } from '../terminal.ts'

/** How a service is found. */
export interface ServiceOptions {
  readonly service?: string
  readonly json?: boolean
}

/** Adds the options by which a service is found. Its token comes by the environment alone: others see arguments of a process. */
export function withServiceOptions(command: Command): Command {
  return command
    .option('--service <url>', 'the service (default: COUNTERMARK_RISK); COUNTERMARK_RISK_TOKEN holds the token')
    .option('--json', 'for machines')
}

/** One request to the service. */
export interface ServiceRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
}

const DEADLINE_MS = 10_000
const RULES = { maxDepth: 8, maxMembers: 100_000 }

/**
 * Asks the service; `undefined` for what it refuses, which is told.
 * @throws CommandError when it does not answer as a service does
 */
export async function askService(
  terminal: Terminal,
  { service, json }: ServiceOptions,
  { method, path, body }: ServiceRequest,
): Promise<JsonObject | undefined> {
  const base = (service ?? terminal.variables['COUNTERMARK_RISK'])?.replace(/\/$/, '')
  const token = terminal.variables['COUNTERMARK_RISK_TOKEN']
  if (base === undefined || !URL.canParse(base)) {
    throw new CommandError('nothing says where the service is', 'name it: --service http://127.0.0.1:7070')
  }
  if (token === undefined) throw new CommandError('nothing says who asks', 'export COUNTERMARK_RISK_TOKEN=…')
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const rules = { method, headers, redirect: 'error', signal: AbortSignal.timeout(DEADLINE_MS) } as const
  const response = await fetch(base + path, { ...rules, ...content }).catch((error: unknown) => {
    throw new CommandError(`${base} gave no answer: ${reasonOf(error)}`)
  })
  const value = parseAnswer(await response.text())
  if (value === undefined) throw new CommandError(`${base} answers like no risk service`)
  if (response.ok) return value
  if (json === true) sayJson(terminal, value)
  else tellRefusal(terminal, response.status, value)
  return undefined
}

function parseAnswer(text: string): JsonObject | undefined {
  try {
    const value = parseStrictJson(text, RULES)
    return isJsonObject(value) ? value : undefined
  } catch {
    // Said by the caller: a login page of a proxy, for example.
    return undefined
  }
}
