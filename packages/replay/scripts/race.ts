import { type ChildProcess, fork } from 'node:child_process'
import type { RaceAnswer, RaceOrder } from './race-worker.ts'

/** How a race is run. */
export interface RaceOptions {
  /** The file that each process runs; it answers {@link RaceOrder} with {@link RaceAnswer}. */
  readonly worker: string
  /** Where Redis listens. */
  readonly port: number
  readonly processes: number
  /** Identical requests in a round, over all processes. */
  readonly requests: number
  readonly rounds: number
}

/** What came of it. */
export interface RaceOutcome {
  /** Rounds in which not exactly one request was accepted. */
  readonly wrongRounds: number
  /** Results over all rounds. */
  readonly results: Readonly<Record<string, number>>
}

/** Has several processes present the same request at once, many times over. */
export async function race({ worker, port, processes, requests, rounds }: RaceOptions): Promise<RaceOutcome> {
  const execArgv = ['--import', 'tsx', '--conditions=@countermark/source']
  const racers = Array.from({ length: processes }, () => fork(worker, { execArgv }))
  const results: Record<string, number> = {}
  let wrongRounds = 0
  try {
    const prefix = `race:${process.pid}:${Date.now()}:`
    await Promise.all(racers.map((racer) => order(racer, { kind: 'connect', port, prefix })))
    for (let round = 1; round <= rounds; round++) {
      const created = Math.floor(Date.now() / 1000)
      const claim: RaceOrder = { kind: 'claim', round, times: requests / processes, created }
      const answers = await Promise.all(racers.map((racer) => order(racer, claim)))
      const before = results['claimed'] ?? 0
      for (const answer of answers) add(results, answer)
      if ((results['claimed'] ?? 0) !== before + 1) wrongRounds += 1
    }
    return { wrongRounds, results }
  } finally {
    for (const racer of racers) racer.kill()
  }
}

function order(racer: ChildProcess, what: RaceOrder): Promise<RaceAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('a process of the race ended'))
    racer.once('exit', fail)
    racer.once('message', (answer: RaceAnswer) => {
      racer.off('exit', fail)
      resolve(answer)
    })
    racer.send(what)
  })
}

function add(results: Record<string, number>, answer: RaceAnswer): void {
  for (const [result, count] of Object.entries(answer.results)) results[result] = (results[result] ?? 0) + count
}
