import { z } from 'zod'
import { viewAgent } from '../registry/agents.ts'
import { rankOf } from '../registry/rank.ts'
import { approveRetirement, askRetirement, withdrawRetirement } from '../registry/retirement.ts'
import { changed } from './agent-endpoints.ts'
import { act, agentOf, type Endpoint } from './endpoint.ts'
import { agentAnswer, agentId, label } from './schemas.ts'

/** The end of an agent: one caller asks, another one approves. */
export const RETIREMENT_ENDPOINTS: readonly Endpoint[] = [
  act({
    ...{ method: 'POST', path: '/agents/{agent}/retirement', operation: 'askRetirement' },
    summary: 'Ask for the end of an agent; another caller has to approve',
    allows: ['admin', 'operator', 'owner'],
    ...{ status: 202, body: z.strictObject({ reason: label, replacement: agentId.optional() }), answer: agentAnswer },
    act: async (tables, request) => {
      const { caller, standing, body, nowMs } = request
      const by = rankOf(standing)
      const asked = { askedBy: caller.name, by, reason: body.reason, replacement: body.replacement }
      const row = await askRetirement(tables, agentOf(request), asked, nowMs)
      return changed(tables, row, 'retirement_asked', { ...body })
    },
  }),
  act({
    ...{ method: 'DELETE', path: '/agents/{agent}/retirement', operation: 'withdrawRetirement' },
    summary: 'Take the question back',
    allows: ['admin', 'operator', 'owner'],
    answer: agentAnswer,
    act: async (tables, request) =>
      changed(
        tables,
        await withdrawRetirement(tables, agentOf(request), rankOf(request.standing), request.nowMs),
        'retirement_withdrawn',
      ),
  }),
  act({
    ...{ method: 'POST', path: '/agents/{agent}/retirement/approval', operation: 'approveRetirement' },
    summary: 'Approve the end of an agent; its replacement gets what its own owners may give',
    allows: ['admin', 'owner'],
    answer: z.object({
      agent: agentAnswer,
      ...{ handedOver: z.array(z.string()), notHandedOver: z.array(z.string()) },
    }),
    act: async (tables, request) => {
      const { caller, standing, nowMs } = request
      const approval = { approvedBy: caller.name, by: rankOf(standing) }
      const { agent, handedOver, notHandedOver } = await approveRetirement(tables, agentOf(request), approval, nowMs)
      const handed = { handedOver, notHandedOver, replacement: agent.replaced_by }
      const result = await changed(tables, agent, 'agent_retired', handed)
      return { ...result, value: { agent: await viewAgent(tables, agent), handedOver, notHandedOver } }
    },
  }),
]
