import type { RequestToSign } from '@countermark/testing'
import { aRefund, ask, outcomeOfAsking, type Question, READ, unlike } from './ask.ts'
import { allOf, rawOutcome, type Scene } from './scene.ts'
import { atBoth, grantTo, refundsWithin, type Service } from './service.ts'
import type { World } from './world.ts'

const TEN_EUROS = { value: 1000, currency: 'EUR' }

/** user_17 lets the assistant give money back, within limits. */
function mintLimited({ issuer, assistant }: World, service: Service, constraints: object): Promise<string> {
  return issuer.mint(refundsWithin(assistant, service, constraints))
}

/** A request within a limit passes; another one is refused, and told which limit it was. */
function limited(
  title: string,
  limit: Readonly<Record<string, unknown>>,
  { fair, foul }: { readonly fair: RequestToSign; readonly foul: readonly RequestToSign[] },
): Scene {
  return atBoth(title, '403 constraint_violation', async (service, world) => {
    const fairQuestion: Question = {
      service,
      agent: world.assistant,
      token: await mintLimited(world, service, limit),
      request: fair,
    }
    const first = await outcomeOfAsking(fairQuestion)
    if (first !== '201') return `within the limit it was ${first}`
    const outcomes = foul.map((request) => breachOf({ ...fairQuestion, request }, limit))
    return allOf(await Promise.all(outcomes), '403 constraint_violation')
  })
}

/** The same request under two limits: one allows it, the other does not. */
function underLimits(
  title: string,
  { allowing, refusing }: Readonly<Record<'allowing' | 'refusing', () => Readonly<Record<string, unknown>>>>,
): Scene {
  return atBoth(title, '403 constraint_violation', async (service, world) => {
    const under = async (limit: object): Promise<Question> => ({
      service,
      agent: world.assistant,
      token: await mintLimited(world, service, limit),
      request: aRefund(500),
    })
    const first = await outcomeOfAsking(await under(allowing()))
    if (first !== '201') return `within the limit it was ${first}`
    return breachOf(await under(refusing()), refusing())
  })
}

/** The outcome, if the refusal names the limit that stands in the caller's token. */
async function breachOf(question: Question, limit: object): Promise<string> {
  const answer = await ask(question)
  const [name] = Object.keys(limit)
  const named = JSON.parse(answer.text).constraint
  return named === name ? rawOutcome(answer) : `${rawOutcome(answer)}, named ${String(named)}`
}

/** Operating hours from so many hours from now to so many hours from now. */
function hours(from: number, to: number): { readonly operating_hours: object } {
  const clock = (offset: number): string => new Date(Date.now() + offset * 3_600_000).toISOString().slice(11, 16)
  return { operating_hours: { tz: 'UTC', from: clock(from), to: clock(to) } }
}

/** Some readers of JSON take the first of two, some the last. */
function twoAmounts(first: number, last: number): RequestToSign {
  return { ...aRefund(first), body: `{"amount":${first},"amount":${last},"currency":"EUR"}` }
}

/** How far a grant goes. */
export const CAPABILITY_SCENES: readonly Scene[] = [
  limited('an amount over the limit', { max_refund_amount: TEN_EUROS }, { fair: aRefund(1000), foul: [aRefund(1001)] }),
  limited(
    'an amount in words, and none at all',
    { max_amount: TEN_EUROS },
    { fair: aRefund(1), foul: [aRefund('1'), aRefund(undefined)] },
  ),
  limited(
    'two amounts in one body, for two readers',
    { max_amount: TEN_EUROS },
    { fair: aRefund(1), foul: [twoAmounts(1, 100_000), twoAmounts(100_000, 1), twoAmounts(1, 1)] },
  ),
  underLimits('outside hours', { allowing: () => hours(-1, 1), refusing: () => hours(2, 3) }),
  underLimits('the wrong address', {
    allowing: () => ({ ip_ranges_allowed: ['127.0.0.0/8'] }),
    refusing: () => ({ ip_ranges_allowed: ['192.0.2.0/24'] }),
  }),
  atBoth('a limit that nobody here understands', '403 constraint_unknown', async (service, world) => {
    const token = await mintLimited(world, service, { max_refund_amount: TEN_EUROS })
    const fair = { service, agent: world.assistant, token, request: aRefund(500) }
    return unlike(fair, { token: await mintLimited(world, service, { phase_of_moon: 'new' }) })
  }),
  atBoth('missing scopes: the challenge names all of them', '403 insufficient_scope', async (service, world) => {
    const { issuer, assistant: agent } = world
    const request = { ...READ, method: 'DELETE' }
    const grant = grantTo(agent, service, 'customers:user_17:read')
    const answer = await ask({ service, agent, token: await issuer.mint(grant), request })
    const challenge = answer.header('www-authenticate')
    const [, named = ''] = /^Bearer .*error="insufficient_scope", scope="([^"]+)"/.exec(challenge ?? '') ?? []
    // All that closing needs, with what the token has.
    if (named !== 'accounts:close refunds:create customers:user_17:read') return `${rawOutcome(answer)}, named ${named}`
    const more = await issuer.mint({ ...grant, scope: named })
    const second = await outcomeOfAsking({ service, agent, token: more, request })
    return second === '200' ? rawOutcome(answer) : `with all that was named it was ${second}`
  }),
  atBoth('a part that was handed on with a lower limit', '403 constraint_violation', async (service, world) => {
    const { issuer, assistant, courier: agent } = world
    const limits = refundsWithin(assistant, service, { max_refund_amount: TEN_EUROS })
    const token = await issuer.mint({ ...limits, max_depth: 1 })
    const whole = await outcomeOfAsking({ service, agent: assistant, token, request: aRefund(1000) })
    if (whole !== '201') return `with the whole it was ${whole}`
    const lower = { max_refund_amount: { value: 500, currency: 'EUR' } }
    const authorizationDetails = [{ type: 'urn:agent-auth:capability:1', constraints: lower }]
    const part = await assistant.handOn(token, agent, { scopes: ['refunds:create'], authorizationDetails })
    return unlike({ service, agent, token: part, request: aRefund(500) }, { request: aRefund(501) })
  }),
  atBoth('a token that allows more than the registry', '403 constraint_violation', async (service, world) => {
    const { issuer, trainee: agent } = world
    const token = await issuer.mint(refundsWithin(agent, service, { max_refund_amount: TEN_EUROS }))
    return unlike({ service, agent, token, request: aRefund(200) }, { request: aRefund(201) })
  }),
  atBoth('a scope that the registry does not give that agent', '403 insufficient_scope', async (service, world) => {
    const { issuer, trainee: agent, assistant } = world
    const scope = 'customers:user_17:read'
    const other = await issuer.mint(grantTo(assistant, service, scope))
    const token = await issuer.mint(grantTo(agent, service, scope))
    return unlike({ service, agent: assistant, token: other }, { agent, token })
  }),
]
