import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Clock, KeySource, Refusal } from '@countermark/core'
import { createGuardFactory, type Guard, systemClock } from '@countermark/core/internal'
import { createNodeGuard } from '@countermark/core/node'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { type SavedRequest, writeSavedRequest } from './saved-request.ts'

/** What the guard of a service would say of a request. */
export type Judgement = { readonly agent: string } | { readonly refusal: Refusal }

/** Against what a request is judged. */
export interface JudgeInput {
  readonly keys: KeySource
  /** Scheme, host and port by which agents call the service. */
  readonly origin: string
  /** The moment at which it is judged. Unix milliseconds. */
  readonly nowMs: number
}

/** Judges requests one after the other, each as if it were the first. */
export interface Judge {
  readonly judge: (request: SavedRequest, input: JudgeInput) => Promise<Judgement>
  readonly close: () => void
}

const PATIENCE_MS = 5_000

/** Starts a guarded server on a free port of this machine: a saved request goes the whole way that a real one goes. */
export async function startJudge(): Promise<Judge> {
  let current: JudgeInput | undefined
  let answer: (judgement: Promise<Judgement>) => void = () => undefined
  const server = createServer((message, response) => {
    if (current === undefined) return
    answer(decide(message, current).finally(() => response.end()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    judge: (request, input) =>
      new Promise((resolve, reject) => {
        current = input
        const socket = connect(port, '127.0.0.1')
        answer = (judgement) => resolve(judgement.finally(() => socket.destroy()))
        socket.setTimeout(PATIENCE_MS, () => reject(new Error('the request is no whole HTTP/1.1 request')))
        socket.on('error', reject)
        // Node has answered by itself when its parser takes offence.
        socket.once('data', (data) => {
          if (data.toString('latin1').startsWith('HTTP/1.1 400')) reject(new Error('Node refuses to read this request'))
        })
        socket.write(writeSavedRequest(request))
      }),
    close: () => server.close(),
  }
}

async function decide(message: IncomingMessage, { keys, origin, nowMs }: JudgeInput): Promise<Judgement> {
  const clock: Clock = { ...systemClock, wallMs: () => nowMs }
  const node = createNodeGuard({ origins: [origin], clock, development: true, sourceLimit: 'off' })
  // Signed before this server began, as far as it knows: what it remembers reaches back as far as it must.
  const store = memoryReplayStore({ startedAt: 0, allowSingleProcess: true })
  const compose = createGuardFactory(node.compose, (guard: Guard) => guard)
  const guard = compose(verifySignature({ keys }), preventReplay({ store }))
  const verdict = await node.judge(guard, {
    message,
    originalUrl: message.url ?? '/',
    route: () => ({ template: undefined, parameters: {} }),
  })
  return verdict.outcome === 'allow' ? { agent: verdict.agent?.id ?? '' } : { refusal: verdict.refusal }
}
