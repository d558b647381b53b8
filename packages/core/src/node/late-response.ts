import type { IncomingMessage, ServerResponse } from 'node:http'
import { markRefused } from './reply-head.ts'

/** Tells whether an answer began before the guard had decided; then no handler may run behind it. */
export type IsTooLate = (message: IncomingMessage, response: ServerResponse) => boolean

/**
 * Makes what finds out. A handler that runs behind an answer does what nobody is told of: the operator is warned, once, of
 * what is likely to be the `mistake`.
 */
export function createLateCheck(mistake: string): IsTooLate {
  let told = false
  return (message, response) => {
    if (!response.headersSent && !response.writableEnded) return false
    markRefused(message)
    if (!told) {
      const what = 'a request was answered before its guard had decided, so its handler did not run'
      process.emitWarning(`${what}: ${mistake}`, { type: 'CountermarkWarning', code: 'answered_too_early' })
    }
    told = true
    return true
  }
}
