import { createGuard } from '@countermark/express'
import type { PolicyFunction } from '@countermark/policy'
import { authzen } from '@countermark/policy/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, keySourceOf, rawRequest, sendRaw, startServer } from '@countermark/testing'
import express from 'express'

/** Who is who in the to-do scenario of AuthZEN's interoperability events, and who has which role. */
export interface TodoPeople {
  readonly subjects: Readonly<Record<string, string>>
  readonly roles: Readonly<Record<string, readonly string[]>>
}

/** The rules of the scenario: anyone reads, editors create, owners change, admins delete. */
export function todoPolicy({ subjects, roles }: TodoPeople): PolicyFunction {
  return ({ actor, action, resource }) => {
    const person = Object.hasOwn(subjects, actor.id) ? subjects[actor.id] : undefined
    const held = person !== undefined && Object.hasOwn(roles, person) ? (roles[person] ?? []) : []
    const owns = held.includes('editor') && person !== undefined && resource['ownerID'] === person
    if (action === 'can_read_user' || action === 'can_read_todos') return held.length > 0
    if (action === 'can_create_todo') return held.includes('admin') || held.includes('editor')
    if (action === 'can_update_todo') return held.includes('evil_genius') || owns
    return action === 'can_delete_todo' && (held.includes('admin') || owns)
  }
}

/** Asks a decision point over HTTP, as a gateway does: with a signed request. */
export async function askTodoPoint(people: TodoPeople, path: string, question: object): Promise<unknown> {
  const agent = await createTestAgent({ agentId: 'agt_gateway' })
  const guard = createGuard({ origins: ['api.example.com'] })
  const app = express()
  app.use(
    guard(verifySignature({ keys: keySourceOf(agent) }), preventReplay({ store: memoryReplayStore({ startedAt: 0 }) })),
  )
  app.use(authzen(guard, { engine: todoPolicy(people), url: 'https://api.example.com' }))
  const server = await startServer(app)
  try {
    const headers = { 'Content-Type': 'application/json' }
    const signed = await agent.signRequest({ method: 'POST', target: path, headers, body: JSON.stringify(question) })
    const { status, text } = await sendRaw(server.port, rawRequest(signed))
    return status === 200 ? JSON.parse(text) : { status, text }
  } finally {
    await server.close()
  }
}
