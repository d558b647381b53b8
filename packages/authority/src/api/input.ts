import { Refusal } from '@countermark/core'
import { AmbiguousJson, BODY_JSON, parseStrictJson } from '@countermark/core/internal'
import type { z } from 'zod'
import { type Call, headerOf } from '../http/call.ts'

/** What is wrong with one place of the input. */
interface InputError {
  /** JSON Pointer (RFC 6901). */
  readonly pointer: string
  readonly message: string
}

const MOST_ERRORS = 20

/**
 * Reads the body by its schema. Without a schema there must be none.
 * @throws Refusal `media_type_unsupported`, `body_malformed`, `input_invalid`
 */
export function readBody(call: Call, schema: z.ZodType | undefined): unknown {
  if (schema === undefined) {
    if (call.body.length > 0) throw new Refusal('body_malformed', 'this request has no body')
    return undefined
  }
  const type = headerOf(call, 'content-type') ?? ''
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i.test(type)) {
    throw new Refusal('media_type_unsupported', 'send application/json')
  }
  return checkInput(parseBody(call.body), schema, '')
}

function parseBody(body: Uint8Array): unknown {
  try {
    return parseStrictJson(body, BODY_JSON)
  } catch (error) {
    if (error instanceof AmbiguousJson || error instanceof SyntaxError || error instanceof TypeError) {
      throw new Refusal('body_malformed', 'the body must be JSON in UTF-8, with no member twice', { cause: error })
    }
    throw error
  }
}

/** Reads the query by its schema; a parameter that occurs twice fits none. @throws Refusal `input_invalid` */
export function readQuery({ query }: Call, schema: z.ZodType | undefined): unknown {
  const values: Record<string, string | string[]> = {}
  for (const name of new Set(query.keys())) {
    const all = query.getAll(name)
    Object.defineProperty(values, name, { value: all.length === 1 ? all[0] : all, enumerable: true })
  }
  if (schema !== undefined) return checkInput(values, schema, '?')
  const [first] = Object.keys(values)
  if (first === undefined) return {}
  throw invalid([{ pointer: `?${first}`, message: 'this request has no such parameter' }])
}

function checkInput(value: unknown, schema: z.ZodType, prefix: string): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.slice(0, MOST_ERRORS).flatMap((issue) => errorsOf(issue, prefix))
  throw invalid(errors)
}

function errorsOf(issue: z.core.$ZodIssue, prefix: string): readonly InputError[] {
  const path = issue.path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'))
  const pointer = prefix === '' ? path.map((part) => `/${part}`).join('') : `${prefix}${path.join('/')}`
  if (issue.code !== 'unrecognized_keys') return [{ pointer, message: issue.message }]
  return issue.keys.map((key) => ({ pointer: `${pointer}/${key}`, message: 'unknown member' }))
}

function invalid(errors: readonly InputError[]): Refusal {
  return new Refusal('input_invalid', 'the input does not fit the schema', { members: { errors } })
}
