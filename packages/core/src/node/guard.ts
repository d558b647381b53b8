import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGuardComposer, type GuardComposer } from '../guard/compose.ts'
import { createGuardSettings, type GuardOptions } from '../guard/options.ts'
import type { Guard, Verdict } from '../guard/state.ts'
import { isThenable } from '../internal/then.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { isFromParser, whenReadable } from './host.ts'
import { createNodeRequests, type NodeRequestInput } from './request.ts'
import { markRefused } from './response.ts'

/** What an adapter for a framework on node:http is made of. */
export interface NodeGuard {
  /** Makes a guard of checks. */
  readonly compose: GuardComposer
  /** Translates a message and asks a guard about it. */
  readonly judge: (guard: Guard, input: NodeRequestInput) => Verdict | Promise<Verdict>
  /** Tells the operator about a refusal that is our own fault, observed ones included. */
  readonly warn: (refusal: Refusal | undefined) => void
}

/**
 * Validates options and prepares composer and translation. `others` names options that the adapter reads.
 * @throws {@link Misconfigured}
 */
export function createNodeGuard(options: GuardOptions, others: readonly string[] = []): NodeGuard {
  refuseInsecureParser()
  const settings = createGuardSettings(options, others)
  const toAgentRequest = createNodeRequests(settings)
  return {
    compose: createGuardComposer(settings),
    judge: (guard, input) => {
      const request = toAgentRequest(input)
      const verdict = isThenable(request) ? request.then(guard) : guard(request)
      if (!isThenable(verdict) || isFromParser(input.message)) return verdict
      return verdict.then(async (settled) => {
        await whenReadable(input.message)
        return settled
      })
    },
    warn: createConfigWarning(),
  }
}

/** Node takes its flags from two places, with `-` or `_` between the words. */
function refuseInsecureParser(): void {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)]
  if (!flags.some((flag) => /^--insecure[-_]http[-_]parser\b/.test(flag))) return
  throw new Misconfigured(
    'ERR_INSECURE_HTTP_PARSER',
    'start Node without --insecure-http-parser, in NODE_OPTIONS too: it lets requests be smuggled',
  )
}

const MOST_WARNINGS = 20

/**
 * Makes what tells the operator about `config_error`: a process warning, once per message, with the error underneath.
 * The caller only learns that the server is at fault.
 */
export function createConfigWarning(): (refusal: Refusal | undefined) => void {
  const told = new Set<string>()
  return (refusal) => {
    if (refusal?.code !== 'config_error') return
    const cause = refusal.cause instanceof Error ? refusal.cause : undefined
    const key = `${refusal.message}: ${cause?.message}`
    if (told.has(key) || told.size >= MOST_WARNINGS) return
    told.add(key)
    const message = cause === undefined ? refusal.message : `${refusal.message}: ${cause.stack}`
    process.emitWarning(message, { type: 'CountermarkWarning', code: 'config_error' })
  }
}

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
