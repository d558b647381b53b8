import type { IncomingMessage, ServerResponse } from 'node:http'
import { markRefused } from './reply-head.ts'

/** Tells whether an answer began before the guard had decided; then no handler may run behind it. */
export type IsTooLate = (message: IncomingMessage, response: ServerResponse) => boolean

/**
 * Creates the check of one guard factory. A handler behind an answer would act unseen, so it does not run; the operator is
 * warned once, and told the likely `mistake`.
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
