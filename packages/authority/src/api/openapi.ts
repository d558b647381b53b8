import { z } from 'zod'
import { jsonAnswer, type Route } from '../http/call.ts'
import { AUTHORITY_CODES } from '../http/codes.ts'
import type { Endpoint } from './endpoint.ts'

/** An operation that is no endpoint of the table: one that a key proves itself on, or a document for doors. */
export interface DescribedRoute {
  readonly method: Route['method']
  readonly path: string
  readonly operation: string
  readonly summary: string
  readonly body?: z.ZodType
}

type Schema = Readonly<Record<string, unknown>>

/** The description of the API (OpenAPI 3.1), made from the schemas that judge its input. */
export function describeApi(endpoints: readonly Endpoint[], others: readonly DescribedRoute[]): Schema {
  const paths: Record<string, Record<string, Schema>> = {}
  const add = (path: string, method: string, operation: Schema): void => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation }
  }
  for (const endpoint of endpoints) add(endpoint.path, endpoint.method, describeEndpoint(endpoint))
  for (const { path, method, operation, summary, body } of others) {
    const answer = { default: PROBLEM, '2XX': { description: summary } }
    add(path, method, {
      operationId: operation,
      summary,
      parameters: pathParameters(path),
      ...bodyOf(body),
      responses: answer,
    })
  }
  return {
    openapi: '3.1.0',
    info: { title: 'countermark authority', version: '1' },
    paths,
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      securitySchemes: {
        signature: { type: 'apiKey', in: 'header', name: 'Signature', description: 'RFC 9421, by a registered agent' },
        person: { type: 'http', scheme: 'bearer', description: 'A token of a trusted identity provider' },
      },
    },
    security: [{ signature: [] }, { person: [] }],
  }
}

/** Serves it; it tells nothing that is not in the documentation. */
export function describeRoute(description: Schema): Route {
  return { method: 'GET', path: '/openapi.json', handle: async () => jsonAnswer(200, description) }
}

function describeEndpoint(endpoint: Endpoint): Schema {
  const { path, method, operation, summary, answer, status = 200, allows } = endpoint
  const isConditional = method === 'PATCH' || (method !== 'GET' && endpoint.ifMatch === 'required')
  return {
    operationId: operation,
    summary,
    description: `For: ${allows.join(', ')}.`,
    parameters: [
      ...pathParameters(path),
      ...(method === 'GET' ? queryParameters(endpoint.query) : [IDEMPOTENCY_KEY]),
      ...(isConditional ? [IF_MATCH] : []),
    ],
    ...(method === 'GET' ? {} : bodyOf(endpoint.body)),
    responses: {
      [status]: { description: summary, content: { 'application/json': { schema: toSchema(answer, 'output') } } },
      default: PROBLEM,
    },
  }
}

function bodyOf(body: z.ZodType | undefined): Schema {
  if (body === undefined) return {}
  return { requestBody: { required: true, content: { 'application/json': { schema: toSchema(body, 'input') } } } }
}

function pathParameters(path: string): readonly Schema[] {
  const names = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name)
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function queryParameters(query: z.ZodType | undefined): readonly Schema[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = toSchema(query, 'input') as {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema },
  }))
}

function toSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const IDEMPOTENCY_KEY = { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 } }
const IF_MATCH = { name: 'If-Match', in: 'header', required: true, schema: { type: 'string' } }
const PROBLEM = {
  description: 'Refused; nothing was changed',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}
const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    ...{ type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' } },
    code: { type: 'string', description: `Among others: ${Object.keys(AUTHORITY_CODES).join(', ')}` },
    errors: {
      type: 'array',
      items: { type: 'object', properties: { pointer: { type: 'string' }, message: { type: 'string' } } },
    },
  },
}
