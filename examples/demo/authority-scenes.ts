import { setTimeout as pause } from 'node:timers/promises'
import type { RawResponse, RequestToSign, TestAgent } from '@countermark/testing'
import { aRefund, ask } from './ask.ts'
import { rawOutcome, type Scene } from './scene.ts'
import { say } from './screen.ts'
import { atBoth, type Service, urlAt } from './service.ts'
import type { World } from './world.ts'

const ORDERS: RequestToSign = { target: '/managed/orders' }
const TEN_EUROS = { value: 1000, currency: 'EUR' }
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** An agent of the authority, with a token that it got in exchange for its user's. */
interface ManagedAgent {
  readonly agent: TestAgent
  readonly token: string
}

let count = 0

/** Registered, enrolled, and given a token for both services on behalf of user_17. */
async function manage(
  { authority, issuer, services }: World,
  scope: string,
  constraints?: object,
): Promise<ManagedAgent> {
  count += 1
  const agent = await authority.enrol(`agt_managed_${count}`, scope.split(' '), constraints)
  const audiences = services.map(({ audience }) => audience)
  const subject = await issuer.mint({ sub: 'user_17', aud: authority.url, client_id: 'the-app', scope })
  const form = new URLSearchParams({ grant_type: EXCHANGE, subject_token: subject, subject_token_type: ACCESS_TOKEN })
  for (const audience of audiences) form.append('resource', audience)
  const { status, body } = await authority.ask('POST', '/token', form, agent)
  if (status !== 200) throw new Error(`the exchange was ${status} ${body.error}: ${body.error_description}`)
  return { agent, token: body.access_token }
}

/** Registered by its owner, enrolled by a code, with a token of the real authority. */
export async function playExchange(world: World): Promise<string> {
  const managed = await manage(world, 'orders:read')
  say(`registered by jane, enrolled by a code that counts once: ${managed.agent.agentId}`)
  say('its user’s token, exchanged: narrower, bound to its key, for both services (RFC 8693)')
  const outcomes: string[] = []
  for (const service of world.services) {
    const answer = await ask({ service, ...managed, request: ORDERS })
    say(`${service.name}: ${rawOutcome(answer)} ${answer.text.trim()}`)
    outcomes.push(rawOutcome(answer))
  }
  return outcomes.find((outcome) => outcome !== '200') ?? '200'
}

/** The refund that a person has to approve, and what came of it: before, with the ticket, and with the ticket again. */
async function playApproval(world: World, service: Service): Promise<readonly string[]> {
  const { authority } = world
  const managed = await manage(world, 'refunds:create', { require_approval_above: TEN_EUROS })
  const refund = (headers: Readonly<Record<string, string>> = {}): Promise<RawResponse> =>
    ask({ service, ...managed, request: { ...aRefund(5000, headers), target: '/managed/refunds' } })
  const refused = rawOutcome(await refund())
  const request = {
    ...{ method: 'POST', url: urlAt(service, '/managed/refunds'), contentType: 'application/json' },
    body: Buffer.from(String(aRefund(5000).body)).toString('base64'),
  }
  const asked = { request, subject: { issuer: authority.url, id: 'user_17' }, audience: service.audience }
  const { body } = await authority.ask('POST', '/approvals', asked, managed.agent)
  await authority.ask('POST', `/approvals/${body.id}/approval`, {})
  const { body: decided } = await authority.ask('GET', `/approvals/${body.id}`, undefined, managed.agent)
  const ticket = { 'Approval-Ticket': String(decided.ticket) }
  return [refused, rawOutcome(await refund(ticket)), rawOutcome(await refund(ticket))]
}

/** Above ten euros a person decides, once. */
export async function playShownApproval(world: World): Promise<string> {
  const [refused, approved, again] = await playApproval(world, world.services[1])
  say(`fifty euros: ${refused}`)
  say(`jane approves exactly this request; with the ticket: ${approved}`)
  say(`the ticket again: ${again}`)
  return `${refused}, ${approved}, ${again}`
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 2

/** When a process let the agent in for the last time, and how it refused it then. */
interface Cut {
  readonly outcome: string
  readonly lastAcceptedMs: number
  readonly refusedMs: number
}

/** Asks one process again and again until it refuses. */
async function watchUntilRefused(question: Parameters<typeof ask>[0], startMs: number): Promise<Cut> {
  let lastAcceptedMs = Number.NEGATIVE_INFINITY
  while (performance.now() - startMs < PATIENCE_MS) {
    const sentMs = performance.now() - startMs
    const outcome = rawOutcome(await ask(question))
    if (outcome !== '200') return { outcome, lastAcceptedMs, refusedMs: performance.now() - startMs }
    lastAcceptedMs = sentMs
    await pause(PAUSE_MS)
  }
  return { outcome: '200, still', lastAcceptedMs, refusedMs: Number.POSITIVE_INFINITY }
}

/** One order of the administrator; every process of every service is asked all the while. */
export async function playStop(world: World): Promise<string> {
  const { authority, services, shop, billing } = world
  const managed = await manage(world, 'orders:read')
  const processes = [
    ...shop.map(({ port }) => ({ service: services[0], port })),
    { service: services[1], port: billing.port },
  ]
  const questions = processes.map((place) => ({ ...place, ...managed, request: ORDERS }))
  const before = await Promise.all(questions.map(async (question) => rawOutcome(await ask(question))))
  if (before.some((outcome) => outcome !== '200')) return `before the stop: ${before.join(', ')}`
  const startMs = performance.now()
  const watching = questions.map((question) => watchUntilRefused(question, startMs))
  const target = { kind: 'agent', agent: managed.agent.agentId }
  const { body } = await authority.ask('POST', '/stops', { target, reason: 'demo' })
  const orderedMs = performance.now() - startMs
  const cuts = await Promise.all(watching)
  const last = Math.max(...cuts.map(({ refusedMs }) => refusedMs))
  const accepted = Math.max(...cuts.map(({ lastAcceptedMs }) => lastAcceptedMs))
  say(`stop ${managed.agent.agentId}: the authority had recorded it after ${Math.round(orderedMs)} ms`)
  say(
    `the last of ${cuts.length} processes refused after ${Math.round(last)} ms; no request sent later than ${Math.round(Math.max(0, accepted))} ms was let in`,
  )
  const { body: reached } = await authority.ask('GET', `/stops/${body.id}`)
  say(`acknowledged by ${reached.doors.reached} of ${reached.doors.doors} doors`)
  return cuts.find(({ outcome }) => !REFUSED.includes(outcome))?.outcome ?? 'refused'
}

/** Doors hear of a stop, and ask the registry anew: whichever comes first refuses. */
const REFUSED = ['401 token_revoked', '403 agent_suspended']

/** Agents that a real authority registers, lets ask, and stops. */
export const AUTHORITY_SCENES: readonly Scene[] = [
  { backend: 'both', title: 'registered, enrolled, with a token in exchange', expected: '200', play: playExchange },
  atBoth('a person approves one refund, which counts once', '201', async (service, world) => {
    const [refused, approved, again] = await playApproval(world, service)
    if (refused !== '403 approval_required') return `without a ticket it was ${refused}`
    return again === '403 approval_required' ? String(approved) : `with the ticket again it was ${again}`
  }),
  { backend: 'both', title: 'stopped: every process refuses', expected: 'refused', play: playStop },
]
