import { readCapabilityUses } from '@countermark/audit/reports'
import { Refusal } from '@countermark/core'
import { z } from 'zod'
import { type ReadDecisions, reviewAgent } from '../registry/access-review.ts'
import { viewAgent } from '../registry/agents.ts'
import { type Endpoint, param, read } from './endpoint.ts'
import { listOf } from './schemas.ts'

const DAY_MS = 86_400_000
const QUERY = z.strictObject({ days: z.coerce.number().int().min(1).max(400).default(90) })
const ANSWER = z.object({
  ...{ agent: z.string(), revision: z.number(), granted: z.array(z.string()), unused: z.array(z.string()) },
  used: z.array(z.object({ scope: z.string(), requests: z.number(), lastAt: z.string() })),
  proposal: z.object({ ceiling: z.array(z.string()) }).optional(),
})

/** Granted against used, from the trails of doors. */
export function reviewEndpoints(decisions: ReadDecisions | undefined): readonly Endpoint[] {
  return [
    read({
      ...{ path: '/tenants/{tenant}/access-review', operation: 'reviewAccess' },
      summary: 'What agents were given and did not use in so many days, with a proposal to cut',
      allows: ['admin', 'auditor'],
      ...{ query: QUERY, answer: listOf(ANSWER) },
      read: async (tables, request) => {
        if (decisions === undefined) {
          throw new Refusal('state_conflict', 'the authority was given no records of decisions (option decisions)')
        }
        const sinceMs = request.nowMs - request.query.days * DAY_MS
        const uses = await readCapabilityUses(decisions(sinceMs), sinceMs)
        const query = tables.selectFrom('agents').selectAll().where('tenant', '=', param(request, 'tenant'))
        const rows = await query.where('state', '!=', 'retired').orderBy('id').execute()
        const agents = await Promise.all(rows.map((row) => viewAgent(tables, row)))
        return { value: { items: agents.map((agent) => reviewAgent(agent, uses)) } }
      },
    }),
  ]
}
