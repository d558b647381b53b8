import { randomUUID } from 'node:crypto'
import { aRefund, ask, outcomeOfAsking, type Question, unlike } from './ask.ts'
import { rawOutcome, type Scene } from './scene.ts'
import { atBoth, refundsWithin, type Service } from './service.ts'
import type { World } from './world.ts'

/** The assistant with so many refunds an hour, for a user of whom nobody else has heard. */
async function withBudget(
  { issuer, assistant: agent }: World,
  service: Service,
  most: number,
): Promise<Question & { readonly request: ReturnType<typeof aRefund> }> {
  const grant = refundsWithin(agent, service, { max_requests_per_hour: most })
  const token = await issuer.mint({ ...grant, sub: `user_${randomUUID()}`, max_depth: 1 })
  return { service, agent, token, request: aRefund(500) }
}

const keyed = (key: string, amount = 500): Pick<Question, 'request'> => ({
  request: aRefund(amount, { 'Idempotency-Key': key }),
})

/** What is counted, and what is done once. */
export const ONCE_SCENES: readonly Scene[] = [
  atBoth('a budget is used up', '429 rate_limited', async (service, world) => {
    const question = await withBudget(world, service, 2)
    const first = await outcomeOfAsking(question)
    return first === '201' ? unlike(question, {}) : `at first it was ${first}`
  }),
  atBoth('handing on makes no second budget', '429 rate_limited', async (service, world) => {
    const { assistant, courier: agent } = world
    const question = await withBudget(world, service, 2)
    const part = await assistant.handOn(question.token, agent, { scopes: ['refunds:create'] })
    const first = await outcomeOfAsking({ ...question, agent, token: part })
    return first === '201' ? unlike(question, { agent, token: part }) : `at first it was ${first}`
  }),
  {
    backend: 'express',
    title: 'a budget is used up at both processes together',
    expected: '429 rate_limited',
    needsRedis: true,
    play: async (world) => {
      const port = world.shop[1]?.port ?? 0
      const question = await withBudget(world, world.services[0], 2)
      const second = await outcomeOfAsking({ ...question, port })
      return second === '201' ? unlike(question, { port }) : `at the second process it was ${second}`
    },
  },
  atBoth('a retry with its Idempotency-Key is done once', '201', async (service, world) => {
    const question = { ...(await withBudget(world, service, 2)), ...keyed(randomUUID()) }
    const [first, retry] = [await ask(question), await ask(question)]
    if (rawOutcome(first) !== '201' || retry.header('idempotent-replayed') !== 'true') return 'it was done twice'
    if (!first.body.equals(retry.body)) return 'the retry got another answer'
    const next = await ask({ ...question, ...keyed(randomUUID()) })
    return numberOf(next.body) === numberOf(first.body) + 1 ? rawOutcome(retry) : 'something else was done'
  }),
  atBoth('the same key for another amount', '422 idempotency_key_reused', async (service, world) => {
    const key = randomUUID()
    return unlike({ ...(await withBudget(world, service, 2)), ...keyed(key) }, keyed(key, 900))
  }),
]

/** Which refund it was: the handler counts what it does. */
function numberOf(body: Buffer): number {
  return JSON.parse(body.toString()).refund
}
