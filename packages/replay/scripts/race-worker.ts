import { hash } from 'node:crypto'
import type { Environment, ReplayClaim } from '@countermark/core'
import { nodeVerifier, systemClock } from '@countermark/core/internal'
import { Redis } from 'ioredis'
import { redisReplayStore } from '../src/index.ts'

/** What the parent says: connect, or make one claim many times at once. */
export type RaceOrder =
  | { readonly kind: 'connect'; readonly port: number; readonly prefix: string }
  | { readonly kind: 'claim'; readonly round: number; readonly times: number; readonly created: number }

/** What a worker answers: how often it got each result. A refusal by name counts under its code. */
export interface RaceAnswer {
  readonly round: number
  readonly results: Readonly<Record<string, number>>
}

const environment: Environment = {
  clock: systemClock,
  verifier: nodeVerifier,
  report: () => undefined,
  development: false,
  hidesAgents: false,
  service: () => 'api.example.com',
}

let claim: ((claim: ReplayClaim) => Promise<string>) | undefined

process.on('message', (order: RaceOrder) => {
  const done = order.kind === 'connect' ? connect(order.port, order.prefix) : race(order)
  done.then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      throw error
    },
  )
})

async function connect(port: number, prefix: string): Promise<RaceAnswer> {
  const client = new Redis(port)
  const store = redisReplayStore({ client, prefix, deadlineMs: 2000 })
  await store.ready()
  claim = async (wanted) => {
    try {
      return await store.claim(wanted, environment)
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  }
  return { round: 0, results: {} }
}

async function race({ round, times, created }: RaceOrder & { readonly kind: 'claim' }): Promise<RaceAnswer> {
  if (claim === undefined) throw new Error('connect first')
  const nonce = `round ${round}`
  const id = hash('sha256', nonce, 'buffer')
  const wanted: ReplayClaim = { id, thumbprint: 'racer', created, acceptUntil: created + 300, nonce }
  const results: Record<string, number> = {}
  for (const result of await Promise.all(Array.from({ length: times }, () => claim?.(wanted)))) {
    results[String(result)] = (results[String(result)] ?? 0) + 1
  }
  return { round, results }
}
