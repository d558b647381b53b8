import {
  type AgentKey,
  type AgentRequest,
  type Check,
  createGuardComposer,
  createGuardSettings,
  createHeaderFields,
  defineCheck,
  type Environment,
  type ProofFact,
  Refusal,
} from '@countermark/core'
import type { Verdict as Decision, Guard } from '@countermark/core/internal'
import { createFakeClock, keySourceOf } from '@countermark/testing'
import { httpSignatures, type SignatureScheme, verifySignature } from '../../src/index.ts'
import { type JudgeVector, type Suite, toAgentKey, type Verdict } from './vector.ts'

interface Step {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body?: string
  readonly body_b64?: string
  readonly transfer?: 'chunked'
  readonly clock?: number
}

interface Expectation {
  readonly outcome: 'accept' | 'reject' | 'either'
  readonly agent?: string
  readonly never_agent?: string
}

/** The policy that the suite of attacks on HTTP signatures states for itself. */
export const strictHttpPolicy: SignatureScheme = httpSignatures({
  tags: 'any',
  expires: 'optional',
  nonce: 'required',
  futureSkewSeconds: 60,
  algorithms: ['ed25519'],
  coverage: { whenPresent: [] },
})

/** Sends the steps of a case through a guard, one after the other, and judges every answer. */
export function judgeAttack(accept: () => readonly SignatureScheme[], keyOf: KeyMaker = toAgentKey): JudgeVector {
  return async ({ input, expected }, suite) => {
    const clock = createFakeClock((input.clock ?? suite.setup.clock) * 1000)
    const settings = createGuardSettings({ origins: [suite.setup.authority], clock })
    const checks = [verifySignature({ keys: keySourceOf(...keysOf(suite, keyOf)), accept: accept() }), claimOnce()]
    const guard = createGuardComposer(settings)({}, checks as readonly Check[])
    const failures: string[] = []
    let accepted = 0
    for (const [index, step] of (input.steps as readonly Step[]).entries()) {
      if (step.clock !== undefined) clock.adjustWall(step.clock * 1000 - clock.wallMs())
      const decision = await send(guard, step, (host) => settings.originOf(host)?.authority ?? '')
      if (decision?.outcome === 'allow') accepted++
      failures.push(...judgeStep(expected.steps[index], decision).map((text) => `step ${index + 1}: ${text}`))
    }
    const { exactly_accepted: wanted = accepted } = input
    if (accepted !== wanted) failures.push(`accepted ${accepted} times instead of ${wanted}`)
    return verdictOf(failures)
  }
}

type KeyMaker = (jwk: Parameters<typeof toAgentKey>[0], agentId: string) => AgentKey

/** What a replay store does, without its limits: one claim for each key and nonce. */
function claimOnce(): Check {
  const seen = new Set<string>()
  const claim = (_request: AgentRequest, { proof }: { proof: ProofFact }, { clock }: Environment): object => {
    const id = `${proof.thumbprint} ${proof.nonce ?? proof.baseHash}`
    if (seen.has(id)) throw new Refusal('replay_detected', 'seen before')
    seen.add(id)
    return { freshness: { store: 'test', claimedUntil: clock.wallMs() / 1000 } }
  }
  return defineCheck({ name: 'claimOnce', needs: ['proof'], adds: ['freshness'] }, claim as Check)
}

function keysOf({ setup }: Suite, keyOf: KeyMaker): readonly AgentKey[] {
  const { agents, retired_keys: retired = [] } = setup
  return [
    ...agents.flatMap(({ agent_id: id, keys }: { agent_id: string; keys: [] }) => keys.map((key) => keyOf(key, id))),
    ...retired.map(
      ({ agent_id: id, key, not_after: notAfter }: { agent_id: string; key: never; not_after: number }) => ({
        ...keyOf(key, id),
        notAfter,
      }),
    ),
  ]
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** `undefined` when Node's own parser would not let the message through. */
function send(
  guard: Guard,
  step: Step,
  authorityOf: (host: string) => string,
): Promise<Decision> | Decision | undefined {
  if (!step.headers.every(([name]) => TOKEN.test(name))) return undefined
  const body = step.body_b64 === undefined ? Buffer.from(step.body ?? '') : Buffer.from(step.body_b64, 'base64')
  const isChunked = step.transfer === 'chunked'
  const added = isChunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(body.length)]
  const headers = createHeaderFields([...step.headers.flatMap(([name, value]) => [name, value.trim()]), ...added])
  const queryStart = step.target.indexOf('?')
  return guard({
    method: step.method,
    target: step.target,
    path: queryStart === -1 ? step.target : step.target.slice(0, queryStart),
    query: queryStart === -1 ? undefined : step.target.slice(queryStart),
    scheme: 'https',
    authority: authorityOf(headers.lines('host')[0] ?? ''),
    headers,
    remoteAddress: '192.0.2.1',
    hasBody: body.length > 0 || isChunked,
    contentLength: isChunked ? undefined : body.length,
    body: () => body,
    route: () => ({ template: undefined, parameters: {} }),
    raw: {},
  })
}

function judgeStep(expectation: Expectation, decision: Decision | undefined): readonly string[] {
  const { outcome, agent, never_agent: victim } = expectation
  const failures: string[] = []
  const actual = decision?.outcome === 'allow' ? 'accept' : 'reject'
  if (outcome !== 'either' && outcome !== actual) failures.push(`expected ${outcome}, got ${codeOf(decision)}`)
  if (decision?.outcome === 'deny' && decision.reply.status >= 500) failures.push(`answered ${decision.reply.status}`)
  if (decision?.outcome !== 'allow') return failures
  const id = decision.agent?.id
  if (agent !== undefined && id !== agent) failures.push(`accepted as ${id} instead of ${agent}`)
  if (victim !== undefined && id === victim) failures.push(`accepted as the victim ${victim}`)
  return failures
}

function codeOf(decision: Decision | undefined): string {
  if (decision === undefined) return 'refused by the parser'
  return decision.outcome === 'allow' ? 'accept' : decision.refusal.code
}

function verdictOf(failures: readonly string[]): Verdict {
  return failures.length === 0 ? 'pass' : { fail: failures.join('; ') }
}
