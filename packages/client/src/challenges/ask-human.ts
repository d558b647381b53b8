import type { Agent } from '../agent.ts'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { untilAborted } from '../fetch/limits.ts'
import type { Attempt, Exchange } from '../fetch/send.ts'
import { isSignableValue } from '../forms/signing-form.ts'
import type { ApprovalNeeded } from './approval-source.ts'
import type { RefusalDocument } from './read-refusal.ts'

const TICKET_FIELD = 'approval-ticket'

/**
 * The same request with the ticket that a human gave for it, once. A caller that brings a ticket sees to it itself.
 * @throws AgentFetchError `request_invalid` for a ticket that cannot be sent; what the source throws
 */
export async function askHuman(
  { approve }: Agent,
  attempt: Attempt,
  { credentials }: Exchange,
  refusal: RefusalDocument | undefined,
): Promise<Attempt | undefined> {
  const { request } = attempt
  const approval = refusal?.approval
  const isOwn = request.headers.some(([name]) => name === TICKET_FIELD)
  if (approve === undefined || approval === undefined || attempt.hasAskedHuman || isOwn) return undefined
  const needed = { approval, request: describe(request), token: credentials.token, signal: request.signal }
  const ticket = await untilAborted(approve(needed), request.signal)
  if (ticket === undefined) return undefined
  if (!isSignableValue(ticket)) throw new AgentFetchError('request_invalid', 'a ticket must be printable ASCII')
  const headers = [...request.headers, [TICKET_FIELD, ticket] as const]
  const afresh = { challenge: undefined, token: undefined, hasAnswered: false, delayMs: 0 }
  return { ...attempt, ...afresh, request: { ...request, headers }, hasAskedHuman: true }
}

function describe({ method, url, target, headers, body }: Attempt['request']): ApprovalNeeded['request'] {
  const find = (name: string): string | undefined => headers.find(([each]) => each === name)?.[1]
  return {
    ...{ method, url: url.origin + target },
    ...{ contentType: find('content-type'), contentEncoding: find('content-encoding') },
    body: body === undefined ? new Uint8Array() : body.bytes,
  }
}
