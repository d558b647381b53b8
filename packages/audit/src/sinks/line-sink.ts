import type { Writable } from 'node:stream'
import { methods, optionTable } from '@countermark/core/internal'
import { type CopySink, createCopySink, writeInto } from './sink.ts'

/** Options of {@link lineSink}. */
export interface LineSinkOptions {
  /** A pipe, a file or `process.stdout`, opened by you; ended when the sink is closed, standard output excepted. */
  readonly output: Writable
}

const OPTIONS = optionTable('lineSink', { output: methods<Writable>(['write'], 'a stream that can be written') })

/**
 * Writes records as lines of JSON into a stream of Node, such as standard output. Such a stream does not tell when lines are on a
 * disk, so it holds a copy at best.
 * @example
 * eventStream({ sinks: [lineSink({ output: createWriteStream('events.ndjson', { flags: 'a' }) })] })
 */
export function lineSink(options: LineSinkOptions): CopySink {
  const { output } = OPTIONS.read(options)
  // Without a listener an error of the stream would end the process; here it rejects what is written.
  output.on('error', () => undefined)
  return createCopySink({
    name: 'lines',
    write: (records) => writeInto(output, records.map(({ line }) => `${line}\n`).join('')),
    close: async () => {
      if (output === process.stdout || output === process.stderr || output.destroyed) return
      await new Promise<void>((resolve) => output.end(resolve))
    },
  })
}
