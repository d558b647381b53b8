import { EventEmitter } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configure as codegenie } from '@codegenie/serverless-express'
import { rawRequest, sendRaw } from '@countermark/testing'
import { http as cloudFunction } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { configure as vendia } from '@vendia/serverless-express'
import { createMocks } from 'node-mocks-http'
import serverlessHttp from 'serverless-http'

/** A request as a host gets it. */
export interface HostRequest {
  readonly method: string
  readonly path: string
  /** Without `?`. */
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** What the host answers. */
export interface HostAnswer {
  readonly status: number
  readonly text: string
}

/** Runs one request through an application as a host does, without a socket of a client. */
export type Host = (app: RequestListener, request: HostRequest) => Promise<HostAnswer>

interface LambdaAnswer {
  readonly statusCode?: number
  readonly body?: string
  readonly isBase64Encoded?: boolean
}

/** Payload format 2.0 of API Gateway and function URLs. */
function eventOf({ method, path, query, headers, body }: HostRequest): object {
  const http = { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.9', userAgent: 'test' }
  const requestContext = {
    http,
    accountId: '1',
    apiId: '1',
    domainName: headers['host'],
    stage: '$default',
    timeEpoch: 0,
  }
  const encoded = body === undefined ? undefined : Buffer.from(body).toString('base64')
  const content = encoded === undefined ? { body: '' } : { body: encoded, isBase64Encoded: true }
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers,
    requestContext,
    ...content,
  }
}

/** Payload format 1.0: REST interfaces, whose lists may hold several values. */
function oldEventOf({ method, path, query, headers, body }: HostRequest): object {
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
  const parameters = Object.fromEntries(new URLSearchParams(query))
  return {
    ...{ version: '1.0', resource: '/{proxy+}', path, httpMethod: method, headers, multiValueHeaders: lists },
    queryStringParameters: parameters,
    multiValueQueryStringParameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, [value]]),
    ),
    requestContext: { identity: { sourceIp: '192.0.2.9' }, httpMethod: method, path, stage: 'prod' },
    body: body ?? '',
    isBase64Encoded: false,
  }
}

function read({ statusCode = 0, body = '', isBase64Encoded = false }: LambdaAnswer): HostAnswer {
  return { status: statusCode, text: isBase64Encoded ? Buffer.from(body, 'base64').toString() : body }
}

type Invoke = (event: object, context: object) => Promise<LambdaAnswer>

function lambda(wrap: (app: RequestListener) => unknown, toEvent: (request: HostRequest) => object): Host {
  return async (app, request) => read(await (wrap(app) as Invoke)(toEvent(request), {}))
}

const wrapInServerlessHttp = (app: RequestListener): unknown => serverlessHttp(app as never)

/** Hosts that hand an application a message with all that the guard needs. */
export const HOSTS: readonly (readonly [string, Host])[] = [
  ['serverless-http, payload 1.0', lambda(wrapInServerlessHttp, oldEventOf)],
  ['serverless-http, payload 2.0', lambda(wrapInServerlessHttp, eventOf)],
  ['@codegenie/serverless-express, payload 1.0', lambda((app) => codegenie({ app: app as never }), oldEventOf)],
  ['@codegenie/serverless-express, payload 2.0', lambda((app) => codegenie({ app: app as never }), eventOf)],
  ['@vendia/serverless-express, payload 1.0', lambda((app) => vendia({ app: app as never }), oldEventOf)],
  ['@vendia/serverless-express, payload 2.0', lambda((app) => vendia({ app: app as never }), eventOf)],
]

/** It changes the prototypes of the Express that it meets: for a file of its own. */
export const lightMyRequest: Host = async (app, { method, path, query, headers, body }) => {
  const { default: inject } = await import('light-my-request')
  const url = query === '' ? path : `${path}?${query}`
  const payload = body === undefined ? {} : { payload: body }
  const answer = await inject(app as never, { method: method as 'GET', url, headers, ...payload })
  return { status: answer.statusCode, text: answer.payload }
}

let functions = 0

/** Google's functions framework: it has parsed every body before the function runs, and keeps its bytes in `rawBody`. */
export const functionsFramework: Host = (app, request) => {
  const name = `guarded-${++functions}`
  cloudFunction(name, app as never)
  return overSocket(getTestServer(name), request)
}

/** A server of Node's, with a socket. */
export const nodeServer: Host = (app, request) => overSocket(createServer(app), request)

async function overSocket(server: Server, { method, path, query, headers, body }: HostRequest): Promise<HostAnswer> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const bytes = body === undefined ? undefined : Buffer.from(body)
    const target = query === '' ? path : `${path}?${query}`
    return await sendRaw(port, rawRequest({ method, target, headerLines: Object.entries(headers), body: bytes }))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Mocks that are no streams: a body is what a parser would have made, and its bytes are where the test puts them. */
export const nodeMocks: Host = async (app, { method, path, query, headers, body }) => {
  const url = query === '' ? path : `${path}?${query}`
  const content = body === undefined ? {} : { body: JSON.parse(body), rawBody: Buffer.from(body) }
  const { req, res } = createMocks(
    { method: method as 'GET', url, headers, ...content },
    { eventEmitter: EventEmitter },
  )
  const ended = new Promise<void>((resolve) => void res.on('end', resolve))
  app(req, res)
  await ended
  return { status: res.statusCode, text: String(res._getData()) }
}
