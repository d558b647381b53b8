import type { CommandResult } from './run-command.ts'

/** Counts checks and prints a line for each as it ends. */
export interface Tally {
  readonly add: (name: string, result: Pick<CommandResult, 'ok' | 'output' | 'seconds'>) => boolean
  /** Prints the totals and sets the exit code. */
  readonly close: (noun: string) => void
}

/** Creates a tally that writes to standard output. */
export function createTally(): Tally {
  const counts = { passed: 0, failed: 0 }
  return {
    add: (name, { ok, output, seconds }) => {
      counts[ok ? 'passed' : 'failed']++
      console.log(`${ok ? '✓' : '✗'} ${name} (${seconds.toFixed(1)} s)`)
      if (!ok) console.log(output.trimEnd().replace(/^/gm, '    '))
      return ok
    },
    close: (noun) => {
      console.log(`${noun}: ${counts.passed} passed, ${counts.failed} failed`)
      if (counts.failed > 0) process.exitCode = 1
    },
  }
}

/** Runs tasks, two at a time. */
export async function inPairs<Task>(tasks: readonly Task[], run: (task: Task) => Promise<void>): Promise<void> {
  const waiting = tasks[Symbol.iterator]()
  const work = async (): Promise<void> => {
    for (const task of waiting) await run(task)
  }
  await Promise.all([work(), work()])
}
