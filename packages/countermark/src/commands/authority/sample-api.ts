import type { IncomingMessage, ServerResponse } from 'node:http'
import { requireCapability } from '@countermark/capability'
import type { Check } from '@countermark/core'
import type { Guard } from '@countermark/core/internal'
import { createNodeGuard, type NodeGuard, writeReplyHead } from '@countermark/core/node'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { fromAuthority } from '../../from-authority/from-authority.ts'
import { delegationPart } from '../../parts-on-first-use.ts'
import { say, type Terminal } from '../terminal.ts'
import { type ListeningServer, listen } from './http-server.ts'

/** Whom the sample believes, and where it is. */
export interface SampleApiOptions {
  readonly authority: string
  readonly doorToken: string
  readonly origin: string
  readonly port: number
}

/** What each route asks for. */
const SCOPES: Readonly<Record<string, string>> = { 'GET /orders': 'orders:read', 'POST /refunds': 'refunds:create' }

/** Starts an API of two routes, without a framework: each request is judged as `countermark` judges it, and told in a line. */
export async function startSampleApi(terminal: Terminal, options: SampleApiOptions): Promise<ListeningServer> {
  const { authority, doorToken, origin, port } = options
  const local = { allowHttp: true, allowPrivateAddresses: true }
  const link = fromAuthority(authority, { door: 'sample-api', token: doorToken, ...local })
  const node = createNodeGuard({ origins: [origin], sourceLimit: 'off', errorDetail: 'full' })
  const { keys, issuers, revocations } = link
  const proof = [
    verifySignature({ keys, revocations }),
    preventReplay({ store: memoryReplayStore({ allowSingleProcess: true, startedAt: 0 }) }),
    delegationPart().verifyDelegation({ issuers, audience: origin, revocations }),
  ]
  const guards = new Map(
    Object.entries(SCOPES).map(([route, scope]) => [
      route,
      node.compose({}, [...proof, requireCapability(scope)] as Check[]),
    ]),
  )
  await link.ready()
  const server = await listen((message, response) => void serve(terminal, { node, guards }, message, response), {
    host: '127.0.0.1',
    port,
  })
  const end = async (): Promise<void> => {
    link.close()
    await server.end()
  }
  return { address: server.address, end }
}

interface Routes {
  readonly node: NodeGuard
  readonly guards: ReadonlyMap<string, Guard>
}

async function serve(
  terminal: Terminal,
  { node, guards }: Routes,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '/' } = message
  const [path = '/'] = url.split('?', 1)
  const guard = guards.get(`${method} ${path}`)
  if (guard === undefined) return answer(response, 404, { error: `there is ${[...guards.keys()].join(', ')}` })
  const route = () => ({ template: path, parameters: {} })
  const verdict = await node.judge(guard, { message, originalUrl: url, route })
  if (verdict.outcome === 'allow') {
    answer(response, 200, { agent: verdict.agent?.id, orders: ['kettle'] })
    return say(terminal, `${method} ${path}  200  ${verdict.agent?.id}`)
  }
  writeReplyHead(verdict.reply, message, response)
  response.writeHead(verdict.reply.status).end(verdict.reply.body)
  say(terminal, `${method} ${path}  ${verdict.reply.status}  ${verdict.refusal.code}: ${verdict.refusal.message}`)
}

function answer(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`)
}
