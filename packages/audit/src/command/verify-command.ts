import type { Writable } from 'node:stream'
import { verifyTrail } from '../verify/verify-trail.ts'
import { type Command, EXIT } from './command.ts'
import { commandAnchors } from './command-anchors.ts'
import { reportText } from './verify-text.ts'

/** `verify FILE…`: whether a trail is as it was written, and which part of it is anchored. */
export const verifyCommand: Command = async (input, { stdout, stderr }) => {
  const { files, options } = input
  const anchors = await commandAnchors(input)
  const report = await verifyTrail(files, {
    anchors,
    partial: options['partial'] === true,
    requireAnchored: options['require-anchored'] === true,
    allowEmpty: options['allow-empty'] === true,
    onProgress: (read, total) => showProgress(stderr, read, total),
  })
  stdout.write(options['json'] === true ? `${JSON.stringify(report)}\n` : reportText(report))
  return report.findingCount === 0 ? EXIT.intact : EXIT.tampered
}

const LARGE_BYTES = 1 << 24
const WIDTH = 40

/** On a terminal the bar overwrites itself; small trails are over before anybody looks. */
function showProgress(stderr: Writable, read: number, total: number): void {
  if (total < LARGE_BYTES) return
  const share = total === 0 ? 1 : read / total
  const bar = '#'.repeat(Math.floor(share * WIDTH)).padEnd(WIDTH, '.')
  stderr.write(`\r[${bar}] ${Math.floor(share * 100)} % of ${Math.ceil(total / 1e6)} MB${read === total ? '\n' : ''}`)
}
