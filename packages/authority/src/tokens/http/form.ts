import type { AgentRequest } from '@countermark/core'
import { OAuthError, toOAuthError } from '../oauth-error.ts'

/** The parameters of a request to an endpoint. One without a value counts as left out (RFC 6749 section 3.2). */
export interface Form {
  readonly find: (name: string) => string | undefined
  /** @throws OAuthError `invalid_request` when it is not there */
  readonly require: (name: string) => string
  /** Every value of a parameter that may come several times. */
  readonly all: (name: string) => readonly string[]
}

/** RFC 8707 section 2, RFC 8693 section 2.1. */
const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience'])
const MAX_BYTES = 65_536
const MAX_PARAMETERS = 64
const FORM = /^application\/x-www-form-urlencoded *(?:; *charset="?utf-8"? *)?$/i

/**
 * Reads the form in the content of a request.
 * @throws OAuthError `invalid_request`
 */
export async function readForm(request: AgentRequest): Promise<Form> {
  if (!FORM.test(request.headers.only('content-type') ?? '')) {
    throw new OAuthError('invalid_request', 'expected content of application/x-www-form-urlencoded')
  }
  if (!((request.contentLength ?? 0) <= MAX_BYTES)) throw tooLarge()
  return parseForm(await readText(request))
}

async function readText(request: AgentRequest): Promise<string> {
  const bytes = await readBytes(request)
  if (bytes.length > MAX_BYTES) throw tooLarge()
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // What is no text says nothing worth quoting.
    throw new OAuthError('invalid_request', 'the content must be UTF-8')
  }
}

async function readBytes(request: AgentRequest): Promise<Uint8Array> {
  try {
    return await request.body()
  } catch (error) {
    throw toOAuthError(error, 'invalid_request')
  }
}

/**
 * Reads a form, or a query, strictly: a parameter occurs once, since two readers could choose different ones.
 * @throws OAuthError `invalid_request`
 */
export function parseForm(text: string): Form {
  const values = new Map<string, string[]>()
  const entries = [...new URLSearchParams(text)]
  if (entries.length > MAX_PARAMETERS)
    throw new OAuthError('invalid_request', `expected at most ${MAX_PARAMETERS} parameters`)
  for (const [name, value] of entries) {
    if (value === '') continue
    const known = values.get(name)
    if (known !== undefined && !REPEATABLE.has(name))
      throw new OAuthError('invalid_request', 'a parameter occurs twice')
    values.set(name, [...(known ?? []), value])
  }
  const find = (name: string): string | undefined => values.get(name)?.[0]
  return {
    find,
    require: (name) => {
      const value = find(name)
      if (value === undefined) throw new OAuthError('invalid_request', `the parameter ${name} is required`)
      return value
    },
    all: (name) => values.get(name) ?? [],
  }
}

function tooLarge(): OAuthError {
  return new OAuthError('invalid_request', `the content must have at most ${MAX_BYTES} bytes`)
}
