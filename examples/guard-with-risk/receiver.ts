import { text } from 'node:stream/consumers'
import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import { type Listening, listen } from './guarded.ts'

/** A team's receiver of alerts: it takes what is signed, and each alert once. */
export interface Receiver extends Listening {
  /** Levels that alerts told of so far, in their order. */
  readonly levels: readonly string[]
  /** Resolves when a level was told of. */
  readonly hears: (level: string) => Promise<void>
}

/** Starts a receiver. */
export async function startReceiver(secret: string): Promise<Receiver> {
  const secrets = webhookSecrets('secret', secret)
  const [levels, seen] = [[] as string[], new Set<unknown>()]
  const waiting = new Map<string, () => void>()
  const server = await listen(() => async (request, response) => {
    const content = await text(request)
    const isOurs = verifyWebhook(request.headers, content, { secrets, nowMs: Date.now() })
    response.writeHead(isOurs ? 204 : 401).end()
    if (!isOurs || seen.has(request.headers['webhook-id'])) return
    seen.add(request.headers['webhook-id'])
    const { data } = JSON.parse(content)
    levels.push(data.to)
    waiting.get(data.to)?.()
  })
  const hears = (level: string): Promise<void> =>
    levels.includes(level) ? Promise.resolve() : new Promise((resolve) => waiting.set(level, resolve))
  return { ...server, levels, hears }
}
