import { isRefusal, Refusal } from '@countermark/core'
import { rowOf } from '@countermark/core/internal'
import type { Answer } from './call.ts'
import { AUTHORITY_CODES } from './codes.ts'

/** An answer that was written elsewhere, such as by a guard, thrown to end the work on a call. */
export class AnsweredElsewhere extends Error {
  override readonly name = 'AnsweredElsewhere'
  readonly answer: Answer
  /** Why, where it is a refusal of the API; those of guards are counted by them. */
  readonly code: string | undefined

  constructor(answer: Answer, code?: string) {
    super('answered elsewhere')
    this.answer = answer
    this.code = code
  }
}

/** Why a request was refused; `undefined` where a guard said so and has counted it. */
export function refusalCodeOf(error: unknown): string | undefined {
  if (error instanceof AnsweredElsewhere) return error.code
  return isRefusal(error) ? error.code : 'config_error'
}

/** What the operator is told of an error that is no refusal. */
export type ReportFault = (error: unknown) => void

/** Writes what was thrown as problem+json (RFC 9457), in the form that guards answer with. */
export function problemOf(error: unknown, requestId: string, report: ReportFault): Answer {
  if (error instanceof AnsweredElsewhere) return error.answer
  if (isRefusal(error)) return problemAnswer(error, requestId)
  report(error)
  return problemAnswer(new Refusal('config_error', 'the authority failed; its operator was told'), requestId)
}

function problemAnswer(refusal: Refusal, requestId: string): Answer {
  const { code, message, members, retryAfterSeconds } = refusal
  const row = rowOf(code, AUTHORITY_CODES)
  const {
    status = 500,
    title = 'The authority failed',
    retry = 'no',
    type = `urn:agent-auth:error:${code}`,
  } = row ?? {}
  const wait = retryAfterSeconds ?? (retry === 'later' ? 1 : undefined)
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(wait === undefined ? {} : { 'Retry-After': String(Math.ceil(wait)) }),
    },
    body: JSON.stringify({
      ...members,
      ...{ type, title, status, detail: message },
      ...{ instance: `urn:uuid:${requestId}`, code, retry, request_id: requestId },
    }),
  }
}
