import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import { type StartedServer, startServer } from '@countermark/testing'

/** What signs notices in tests. */
export const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`

/** One notice as it arrived. */
export interface Received {
  readonly id: string
  readonly isSigned: boolean
  readonly notice: { readonly type: string; readonly data: { readonly agent: string; readonly to: string } }
}

/** A receiver of webhooks. */
export interface Receiver extends StartedServer {
  readonly url: string
  readonly all: readonly Received[]
  /** Resolves when so many have arrived. */
  readonly received: (count: number) => Promise<readonly Received[]>
}

/** How a receiver answers its notices, the first one first; the last answer holds for all further ones. */
export type Answer = number | 'hang' | 'reset'

/** Starts a receiver that answers as it is told. */
export async function startReceiver(answers: readonly Answer[], nowMs: () => number): Promise<Receiver> {
  const all: Received[] = []
  const waiting: { readonly count: number; readonly resolve: (all: readonly Received[]) => void }[] = []
  const secrets = webhookSecrets('secret', SECRET)
  const server = await startServer(async (request, response) => {
    const content = await text(request)
    const isSigned = verifyWebhook(request.headers, content, { secrets, nowMs: nowMs() })
    all.push({ id: idOf(request.headers), isSigned, notice: JSON.parse(content) })
    answer(response, answers[Math.min(all.length, answers.length) - 1] ?? 204)
    for (const { count, resolve } of waiting) if (all.length >= count) resolve(all)
  })
  const received = (count: number): Promise<readonly Received[]> =>
    all.length >= count ? Promise.resolve(all) : new Promise((resolve) => waiting.push({ count, resolve }))
  return { ...server, url: `${server.origin}/alerts`, all, received }
}

function idOf(headers: IncomingHttpHeaders): string {
  return String(headers['webhook-id'])
}

function answer(response: ServerResponse, how: Answer): void {
  if (how === 'reset') response.destroy()
  else if (how !== 'hang') response.writeHead(how, how === 503 ? { 'retry-after': '9' } : {}).end()
}
