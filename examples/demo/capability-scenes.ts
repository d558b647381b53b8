import { problemOf, type RequestToSign } from '@countermark/testing'
import { aRefund, ask, outcomeOfAsking, type Question, READ, unlike } from './ask.ts'
import { rawOutcome, type Scene } from './scene.ts'
import { atBoth, grantTo, type Service } from './service.ts'
import type { World } from './world.ts'

const TEN_EUROS = { value: 1000, currency: 'EUR' }

/** user_17 lets the assistant give money back, within limits. */
function mintLimited({ issuer, assistant }: World, service: Service, constraints: object): Promise<string> {
  const details = [{ type: 'urn:agent-auth:capability:1', constraints }]
  return issuer.mint({ ...grantTo(assistant, service, 'refunds:create'), authorization_details: details })
}

/** A request within a limit passes; another one is refused, and told which limit it was. */
function limited(
  title: string,
  limit: Readonly<Record<string, unknown>>,
  { fair, foul }: { readonly fair: RequestToSign; readonly foul: RequestToSign },
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
    return breachOf({ ...fairQuestion, request: foul }, limit)
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
  const named = problemOf(answer)['constraint']
  return named === name ? rawOutcome(answer) : `${rawOutcome(answer)}, named ${String(named)}`
}

/** Operating hours from so many hours from now to so many hours from now. */
function hours(from: number, to: number): { readonly operating_hours: object } {
  const clock = (offset: number): string => new Date(Date.now() + offset * 3_600_000).toISOString().slice(11, 16)
  return { operating_hours: { tz: 'UTC', from: clock(from), to: clock(to) } }
}

/** How far a grant goes. */
export const CAPABILITY_SCENES: readonly Scene[] = [
  limited('an amount over the limit', { max_refund_amount: TEN_EUROS }, { fair: aRefund(1000), foul: aRefund(1001) }),
  limited(
    'an amount in words under a limit in numbers',
    { max_amount: TEN_EUROS },
    { fair: aRefund(1), foul: aRefund('1') },
  ),
  limited(
    'two amounts in one body, for two readers',
    { max_amount: TEN_EUROS },
    { fair: aRefund(1), foul: { ...aRefund(1), body: '{"amount":1,"amount":100000,"currency":"EUR"}' } },
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
    const [, named = ''] = /^Bearer error="insufficient_scope", scope="([^"]+)"/.exec(challenge ?? '') ?? []
    if (named !== 'accounts:close refunds:create') return `${rawOutcome(answer)}, named ${named}`
    const more = await issuer.mint({ ...grant, scope: `${grant.scope} ${named}` })
    const second = await outcomeOfAsking({ service, agent, token: more, request })
    return second === '200' ? rawOutcome(answer) : `with all that was named it was ${second}`
  }),
]
