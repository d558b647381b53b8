import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import type { GuardOptions, SignatureVerifier } from '@countermark/core'
import { type Guard, isThenable, type Verdict } from '@countermark/core/internal'
import { createNodeGuard, watchResponse } from '@countermark/core/node'
import { tables } from '@countermark/ed25519-tables'
import { prometheusMetrics } from '@countermark/metrics'
import { createVerificationQueue } from '@countermark/signature'
import { sodiumVerifier } from '@countermark/signature/sodium'
import { Registry } from 'prom-client'
import type { CreateListener } from '../server.ts'
import {
  type CreateChecks,
  createBearerChecks,
  createDpopChecks,
  createFullBodyChecks,
  createFullChecks,
  createSignatureChecks,
  GUARD_OPTIONS,
} from './countermark.ts'

/** The shortest answer. */
export const ok: RequestListener = (_request, response) => {
  response.end('{"ok":true}')
}

/** The same after the body has been read to its end, as every server does that wants one. */
export const okAfterBody: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => void chunks.push(chunk))
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString())
    ok(request, response)
  })
}

interface Observed {
  readonly metrics?: boolean
  readonly audit?: boolean
}

interface GuardedSetup extends Observed {
  readonly verifier?: () => SignatureVerifier
  readonly inThreadPool?: boolean
  readonly handler?: RequestListener
}

/** Guarded node:http: what every adapter is made of, without a framework. */
function guarded(createChecks: CreateChecks, setup: GuardedSetup = {}): CreateListener {
  return (identity) => {
    const { verifier, inThreadPool = false, handler = ok } = setup
    const options: GuardOptions = {
      ...GUARD_OPTIONS,
      ...observing(setup),
      ...(verifier === undefined ? {} : { verifier: verifier() }),
    }
    const { compose, judge } = createNodeGuard(options)
    const signature = inThreadPool ? { queue: createVerificationQueue({ syncPerTurn: 0 }) } : {}
    const guard: Guard = compose({}, createChecks(identity, signature))
    return (message, response) => {
      const apply = (verdict: Verdict): void => {
        if (verdict.finish !== undefined) watchResponse(message, response, verdict.finish)
        if (verdict.outcome === 'allow') return void handler(message, response)
        response.writeHead(verdict.reply.status, verdict.reply.headers.flat()).end(verdict.reply.body)
      }
      const verdict = judge(guard, { message, originalUrl: message.url ?? '', route })
      if (isThenable(verdict)) void verdict.then(apply)
      else apply(verdict)
    }
  }
}

function route(): { readonly template: string; readonly parameters: Readonly<Record<string, string>> } {
  return { template: '/', parameters: {} }
}

function observing({ metrics = false, audit = false }: Observed): Partial<GuardOptions> {
  const observers = metrics ? [prometheusMetrics({ register: new Registry() })] : []
  if (!audit) return { observers }
  const path = join(process.env['BENCH_FOLDER'] ?? '', `audit-${randomUUID()}.ndjson`)
  const recorder = auditTrail({ sinks: [fileSink({ path })] })
  void recorder.ready()
  return { observers, recorder }
}

const METRICS = { metrics: true }
const RECORDS = { metrics: true, audit: true }
const SODIUM = { verifier: sodiumVerifier }
const TABLES = { verifier: tables }
const READING = { handler: okAfterBody }

/** Guarded servers on bare node:http. */
export const GUARDED_NODE_SERVERS: Readonly<Record<string, CreateListener>> = {
  'node+countermark': guarded(createSignatureChecks),
  'node+countermark sodium': guarded(createSignatureChecks, SODIUM),
  'node+countermark tables': guarded(createSignatureChecks, TABLES),
  'node+countermark thread pool': guarded(createSignatureChecks, { inThreadPool: true }),
  'node+countermark simple-v1': guarded(createSignatureChecks),
  'node+countermark ES256': guarded(createSignatureChecks),
  'node+countermark refused early': guarded(createSignatureChecks),
  'node+countermark refused early, metrics, audit': guarded(createSignatureChecks, RECORDS),
  'node+countermark full': guarded(createFullChecks),
  'node+countermark full sodium': guarded(createFullChecks, SODIUM),
  'node+countermark full tables': guarded(createFullChecks, TABLES),
  'node+countermark full, metrics': guarded(createFullChecks, METRICS),
  'node+countermark full, metrics, audit': guarded(createFullChecks, RECORDS),
  'node+countermark full tables, metrics': guarded(createFullChecks, { ...METRICS, ...TABLES }),
  'node+countermark full tables, metrics, audit': guarded(createFullChecks, { ...RECORDS, ...TABLES }),
  'node reading+countermark': guarded(createSignatureChecks, READING),
  'node reading+countermark full': guarded(createFullBodyChecks, READING),
  'node reading+countermark full tables': guarded(createFullBodyChecks, { ...TABLES, ...READING }),
  'node reading+countermark full, metrics, audit': guarded(createFullBodyChecks, { ...RECORDS, ...READING }),
  'node+countermark bearer': guarded(createBearerChecks),
  'node+countermark new tokens': guarded(createBearerChecks),
  'node+countermark dpop': guarded(createDpopChecks),
  'node+countermark dpop tables': guarded(createDpopChecks, TABLES),
  'node+countermark dpop ES256': guarded(createDpopChecks),
}
