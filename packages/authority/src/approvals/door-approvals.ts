import type { z } from 'zod'
import { readBody } from '../api/input.ts'
import type { DescribedRoute } from '../api/openapi.ts'
import { recorded, type ServeOptions } from '../api/serve.ts'
import type { Caller } from '../callers/caller.ts'
import { type Answer, type Call, jsonAnswer, type Route } from '../http/call.ts'
import { REGISTRY_LOCK } from '../registry/registry-tables.ts'
import type { DoorCheck } from '../stop/door-check.ts'
import { FILED } from './approval-schemas.ts'
import { ask, POLL_SECONDS, withApprovals } from './ask-approval.ts'

/** What doors leave requests with. */
export interface DoorApprovalOptions extends Pick<ServeOptions, 'stored' | 'trail' | 'clock'> {
  /** Lets doors in only. */
  readonly guarded: DoorCheck
}

/** The same for OpenAPI. */
export const DOOR_OPERATION: DescribedRoute = {
  ...{ method: 'POST', path: '/doors/{door}/approvals', operation: 'fileApproval', body: FILED },
  summary: 'Leave a request that needs a human; for doors, which saw it',
}

/** Doors leave what they refused: they have seen who sends it, for whom, and what it moves. */
export function doorApprovalRoute(options: DoorApprovalOptions): Route {
  const { method, path } = DOOR_OPERATION
  return { method, path, handle: options.guarded((call) => leave(call, options)) }
}

async function leave(call: Call, { stored, trail, clock }: DoorApprovalOptions): Promise<Answer> {
  const { agent: agentId, route, amount, ...filed } = readBody(call, FILED) as z.output<typeof FILED>
  const { door = '' } = call.params
  const by: Caller = { name: `door:${door}`, kind: 'door', id: door, thumbprint: undefined }
  const asked = { ...filed, agentId, denial: { door, route, amount } }
  return recorded(trail, call, (record) =>
    stored.transaction(REGISTRY_LOCK, async (tables) => {
      const { row, result } = await ask(withApprovals(tables), asked, by, clock.wallMs())
      await record(by, result)
      return jsonAnswer(200, { id: row.id, expiresAt: row.expires_at, retryAfterSeconds: POLL_SECONDS })
    }),
  )
}
