import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { AgentRequest, Guard, SignatureVerifier, Verdict } from '@countermark/core'
import { createNodeGuard } from '@countermark/core/node'
import { createIdentity } from './identity.ts'
import { createRequests, type RequestKind } from './requests.ts'
import {
  type CreateChecks,
  createBearerChecks,
  createDpopChecks,
  createFullBodyChecks,
  createFullChecks,
  createSignatureChecks,
  GUARD_OPTIONS,
} from './servers/countermark.ts'

const BATCH = 500
const BATCHES = 120

const CHECKS: Readonly<Partial<Record<RequestKind, CreateChecks>>> = {
  httpsig: createSignatureChecks,
  'httpsig-body': createSignatureChecks,
  'simple-v1': createSignatureChecks,
  refused: createSignatureChecks,
  full: createFullChecks,
  'full-body': createFullBodyChecks,
  bearer: createBearerChecks,
  cold: createBearerChecks,
  dpop: createDpopChecks,
  'dpop-es256': createDpopChecks,
}

const believesAll: SignatureVerifier = {
  name: 'believes-all',
  verify: () => true,
  verifyInThreadPool: async () => true,
}

const [kind = 'full', measure = 'cpu', crypto] = process.argv.slice(2) as [RequestKind, 'cpu' | 'heap', string?]
const identity = createIdentity()
const createChecks = CHECKS[kind]
if (createChecks === undefined) throw new Error(`no guard for ${kind}`)
const options = crypto === undefined ? { ...GUARD_OPTIONS, verifier: believesAll } : GUARD_OPTIONS
const { compose, toAgentRequest } = createNodeGuard(options)
const guard: Guard = compose({}, createChecks(identity))
const socket = Object.assign(new Socket(), { server: {} })
Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' })

const micros: number[] = []
const bytes: number[] = []
for (let batch = 0; batch < BATCHES; batch++) {
  const requests = createRequests(kind, BATCH, identity).map(toMessage)
  if (measure === 'heap') globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  const before = process.cpuUsage()
  await guardAll(requests)
  const { user, system } = process.cpuUsage(before)
  bytes.push((process.memoryUsage().heapUsed - heapBefore) / BATCH)
  micros.push((user + system) / BATCH)
}
const late = BATCHES / 2
if (measure === 'cpu')
  console.log(`${kind}: ${best(micros.slice(late))} µs CPU at best, median ${median(micros.slice(late))}`)
else console.log(`${kind}: ${median(bytes.slice(late))} bytes allocated`)

interface Prepared {
  readonly message: IncomingMessage
  readonly content: string
}

async function guardAll(requests: readonly Prepared[]): Promise<void> {
  let turn = 0
  for (const { message, content } of requests) {
    // A new turn now and then, as sockets would bring it: within one turn verification moves to the thread pool.
    if (++turn % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
    const verdict = guard(toRequest(message))
    if ('then' in verdict) {
      // Content comes after the header fields, as the parser of node:http delivers it.
      if (content !== '') message.push(Buffer.from(content))
      message.push(null)
      expect(await verdict)
    } else expect(verdict)
  }
}

function toRequest(message: IncomingMessage): AgentRequest {
  return toAgentRequest({ message, originalUrl: '/', route: () => ({ template: '/', parameters: {} }) })
}

function expect(verdict: Verdict): void {
  if (verdict.outcome === (kind === 'refused' ? 'deny' : 'allow')) return
  throw new Error(verdict.outcome === 'deny' ? verdict.reply.body : 'allowed')
}

function toMessage(raw: string): Prepared {
  const [head = '', content = ''] = raw.split('\r\n\r\n')
  const [requestLine = '', ...lines] = head.split('\r\n')
  const message = new IncomingMessage(socket)
  message.method = requestLine.split(' ')[0] ?? ''
  message.url = '/'
  message.httpVersionMajor = 1
  for (const line of lines) {
    const at = line.indexOf(': ')
    message.rawHeaders.push(line.slice(0, at), line.slice(at + 2))
  }
  message.complete = content === ''
  return { message, content }
}

function best(values: readonly number[]): string {
  return Math.min(...values).toFixed(1)
}

function median(values: readonly number[]): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN).toFixed(1)
}
