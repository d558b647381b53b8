import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Misconfigured } from '@countermark/core'
import { callback, custom, flag, number, optionTable, word } from '@countermark/core/internal'
import type { PlacedRecord } from '../record/chain.ts'
import { type ClosableSink, createSerialSink, takeBatches } from './sink.ts'

/** Options of {@link httpSink}. */
export interface HttpSinkOptions {
  /** Where batches are posted: https, and it is never redirected. */
  readonly url: string
  /** Sent with every batch, such as `authorization`. Called for each attempt when it is a function. */
  readonly headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>)
  /** @default 'none' */
  readonly compression?: 'gzip' | 'none'
  /** Records in one request at most. @default 500 */
  readonly maxRecords?: number
  /** Bytes in one request at most, before compression; a longer record travels alone. @default 1_000_000 */
  readonly maxBytes?: number
  /** How long one attempt may take at most. @default 5000 */
  readonly deadlineMs?: number
  /** How often a batch is tried when the network fails or the answer is 408, 425, 429 or 5xx. @default 3 */
  readonly attempts?: number
  /** The first wait; each further one is twice as long, up to 30 s, or what `Retry-After` asks for. @default 200 */
  readonly backoffMs?: number
  /** Waits between attempts. @default a timer */
  readonly delay?: (ms: number) => Promise<void>
  /** Posts; for a proxy or client certificates. @default the `fetch` of Node */
  readonly fetch?: typeof fetch
  /** Records then travel in the clear. @default false */
  readonly allowHttp?: boolean
}

type Headers = HttpSinkOptions['headers']

const OPTIONS = optionTable('httpSink', {
  url: custom((_, given) => given),
  headers: custom((_, given) => given as Headers),
  compression: word(['gzip', 'none'], 'none'),
  maxRecords: number({ min: 1, max: 100_000, default: 500 }),
  maxBytes: number({ min: 1, max: 100_000_000, default: 1_000_000 }),
  deadlineMs: number({ min: 1, max: 60_000, default: 5000 }),
  attempts: number({ min: 1, max: 10, default: 3 }),
  backoffMs: number({ min: 1, max: 30_000, default: 200 }),
  delay: callback<(ms: number) => Promise<void>>(),
  fetch: callback<typeof fetch>(),
  allowHttp: flag(false),
})
type Settings = ReturnType<typeof OPTIONS.read>

const PASSING_STATUS: readonly number[] = [408, 425, 429]
const LONGEST_WAIT_MS = 30_000
const compress = promisify(gzip)

/**
 * Posts records as lines of JSON (`application/x-ndjson`). A batch is kept when it is answered by 2xx; `Idempotency-Key` names
 * its chain and places, the same for each attempt, so that the receiver can keep it once.
 * @example
 * httpSink({ url: 'https://siem.example.com/audit', headers: () => ({ authorization: `Bearer ${token()}` }) })
 */
export function httpSink(options: HttpSinkOptions): ClosableSink<PlacedRecord> {
  const settings = OPTIONS.read(options)
  const { attempts, backoffMs, delay = async (ms) => void (await wait(ms)) } = settings
  const post = createPost(settings)
  return createSerialSink({
    name: 'http',
    durable: true,
    write: async (records) => {
      for (const batch of takeBatches(records, settings)) {
        await withRetries({ attempts, backoffMs, delay }, await post(batch))
      }
    },
  })
}

type RetryRule = Required<Pick<HttpSinkOptions, 'attempts' | 'backoffMs' | 'delay'>>

/** A failure that another attempt may mend. */
class Passing extends Error {
  override readonly name = 'Passing'
  /** How long the receiver asks to wait. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Tries again what fails in passing. Rejects with the last failure. */
async function withRetries(rule: RetryRule, attempt: () => Promise<void>): Promise<void> {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Passing) || count >= rule.attempts) throw error
      const backoffMs = Math.max(error.retryAfterMs ?? 0, rule.backoffMs * 2 ** (count - 1))
      await rule.delay(Math.min(LONGEST_WAIT_MS, backoffMs))
    }
  }
}

type Post = (batch: readonly PlacedRecord[]) => Promise<() => Promise<void>>

function createPost(settings: Settings): Post {
  const { headers = {}, compression, deadlineMs, fetch: send = fetch } = settings
  const url = readUrl(settings)
  return async (batch) => {
    const text = Buffer.from(batch.map(({ line }) => `${line}\n`).join(''))
    const body = new Uint8Array(compression === 'gzip' ? await compress(text) : text)
    const encoding: Record<string, string> = compression === 'gzip' ? { 'content-encoding': 'gzip' } : {}
    const fixed = { ...encoding, 'content-type': 'application/x-ndjson', 'idempotency-key': nameBatch(batch) }
    return async () => {
      const more = typeof headers === 'function' ? headers() : headers
      const request = { method: 'POST', headers: { ...more, ...fixed }, body, redirect: 'error' } as const
      await requireKept(send(url, { ...request, signal: AbortSignal.timeout(deadlineMs) }))
    }
  }
}

async function requireKept(answering: Promise<Response>): Promise<void> {
  const answer = await answering.catch((cause: unknown) => {
    throw new Passing('the receiver cannot be reached', { cause })
  })
  await answer.body?.cancel()
  if (answer.ok) return
  const message = `the receiver answered ${answer.status}`
  if (answer.status < 500 && !PASSING_STATUS.includes(answer.status)) throw new Error(message)
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  throw new Passing(message, { retryAfterMs: seconds > 0 ? seconds * 1000 : undefined })
}

/** A string of structured fields: `"chain/first-last"`. */
function nameBatch(batch: readonly PlacedRecord[]): string {
  const [first, last] = [batch[0], batch.at(-1)]
  return `"${encodeURIComponent(first?.chain ?? '')}/${first?.seq}-${last?.seq}"`
}

function readUrl({ allowHttp, url: given }: Settings): string {
  if (given === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'httpSink needs url, where batches are posted')
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && allowHttp)) return url.href
  throw new Misconfigured('ERR_OPTION_INVALID', 'httpSink.url must be an https address, or say allowHttp: true')
}
