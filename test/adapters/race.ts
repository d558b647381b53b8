import { Agent, request } from 'node:http'
import {
  createTestAgent,
  type SignedRequest,
  type StartedProgram,
  startProgram,
  startRedis,
  type TestAgent,
} from '@countermark/testing'

/** How to run the race. */
export interface RaceOptions {
  /** The folder of the repository. */
  readonly root: string
  /** Path of `redis-server`. */
  readonly redisServer: string
  readonly rounds: number
  /** How often the same request is sent at once. @default 200 */
  readonly requests?: number
  /** Called after each round. */
  readonly onRound?: (round: number, tally: Tally) => void
}

/** How many of the requests of a round got which answer. */
export type Tally = Readonly<Record<string, number>>

const FRAMEWORKS = ['express', 'koa', 'express', 'koa'] as const

/** Sends one signed request many times at once, spread over four processes that share a Redis; a tally for each round. */
export async function runRace({
  root,
  redisServer,
  rounds,
  requests = 200,
  onRound,
}: RaceOptions): Promise<readonly Tally[]> {
  const redis = await startRedis({ command: redisServer })
  const signer = await createTestAgent({ agentId: 'agt_buyer' })
  const workers = await Promise.all(
    FRAMEWORKS.map((framework) => startWorker({ root, framework, redisUrl: redis.url, signer })),
  )
  const connections = new Agent({ keepAlive: true })
  try {
    const ports = workers.map(portOf)
    const tallies: Tally[] = []
    for (let round = 0; round < rounds; round++) {
      const signed = await signer.signRequest({ method: 'POST', target: `/refunds/${round}`, body: '{"amount":4200}' })
      const answers = Array.from({ length: requests }, (_, index) =>
        send(connections, ports[index % ports.length] ?? 0, signed),
      )
      tallies.push(tallyOf(await Promise.all(answers)))
      onRound?.(round, tallies[round] ?? {})
    }
    return tallies
  } finally {
    connections.destroy()
    await Promise.all(workers.map((worker) => worker.stop()))
    await redis.stop()
  }
}

interface WorkerInput {
  readonly root: string
  readonly framework: string
  readonly redisUrl: string
  readonly signer: TestAgent
}

function startWorker({ root, framework, redisUrl, signer }: WorkerInput): Promise<StartedProgram> {
  return startProgram({
    command: process.execPath,
    arguments: ['--import', 'tsx', '--conditions=@countermark/source', 'test/adapters/race-worker.ts'],
    folder: root,
    env: { FRAMEWORK: framework, REDIS_URL: redisUrl, PUBLIC_JWK: JSON.stringify(signer.publishedJwk) },
    ready: /^PORT \d+$/m,
    timeoutMs: 30_000,
  })
}

function portOf(worker: StartedProgram): number {
  return Number(/^PORT (\d+)$/m.exec(worker.output())?.[1])
}

function send(agent: Agent, port: number, signed: SignedRequest): Promise<string> {
  const { method, target, headers, body } = signed
  return new Promise((settle, reject) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, method, path: target, headers }, (response) => {
      response.toArray().then((chunks) => settle(codeOf(Buffer.concat(chunks))), reject)
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

function codeOf(body: Buffer): string {
  const { code }: { readonly code: string } = JSON.parse(body.toString())
  return code
}

function tallyOf(codes: readonly string[]): Tally {
  const tally: Record<string, number> = {}
  for (const code of codes) tally[code] = (tally[code] ?? 0) + 1
  return tally
}
