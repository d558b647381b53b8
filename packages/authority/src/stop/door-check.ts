import { createHash, timingSafeEqual } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type Call, headerOf, type Route } from '../http/call.ts'
import { AnsweredElsewhere, problemOf } from '../http/problem.ts'

/** Lets doors in only, by one of their tokens; tells by which, or -1 where none is configured. */
export type DoorCheck = (handle: (call: Call, token: number) => ReturnType<Route['handle']>) => Route['handle']

/**
 * Creates the check. Where no token is configured, `open` lets everyone read what is public in a registry; what doors say and hear
 * of stops is for them alone.
 */
export function createDoorCheck(tokens: readonly string[], open: 'open' | 'closed'): DoorCheck {
  const known = tokens.map(digestOf)
  const findToken = (call: Call): number => {
    const presented = digestOf(/^Bearer (.+)$/i.exec(headerOf(call, 'authorization') ?? '')?.[1] ?? '')
    return known.map((digest) => timingSafeEqual(digest, presented)).lastIndexOf(true)
  }
  return (handle) => async (call) => {
    const token = findToken(call)
    if (token >= 0 || (known.length === 0 && open === 'open')) return handle(call, token)
    if (known.length === 0)
      throw new Refusal('role_missing', 'only doors with a token follow stops (option doorTokens)')
    const refusal = new Refusal('credentials_missing', 'send the token of a door as Authorization: Bearer')
    const answer = problemOf(refusal, call.requestId, () => undefined)
    throw new AnsweredElsewhere(
      { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': 'Bearer' } },
      refusal.code,
    )
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
