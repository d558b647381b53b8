import { type AgentRequest, createGuardComposer, createGuardSettings, createHeaderFields } from '@countermark/core'
import type { Verdict as Decision } from '@countermark/core/internal'
import { memoryReplayStore } from '@countermark/replay'
import { createFakeClock } from '@countermark/testing'
import type { JudgeVector, Suite, Verdict } from '../../../signature/test/conformance/vector.ts'
import { createTokenChecks, type TokenProfile } from './token-policies.ts'

interface Step {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly clock?: number
}

/** Sends the steps of a case through a guard, one after the other, and judges every answer. */
export function judgeTokenAttack(profile: TokenProfile): JudgeVector {
  return async ({ input, expected }, suite) => {
    const clock = createFakeClock((input.clock ?? suite.setup.clock) * 1000)
    const settings = createGuardSettings({ origins: [suite.setup.authority], clock })
    const store = memoryReplayStore({ clock, startedAt: 0, futureSkewSeconds: 60, allowSingleProcess: true })
    const guard = createGuardComposer(settings)({}, createTokenChecks(profile, suite.setup, store))
    const failures: string[] = []
    for (const [index, step] of (input.steps as readonly Step[]).entries()) {
      if (step.clock !== undefined) clock.adjustWall(step.clock * 1000 - clock.wallMs())
      const decision = await guard(toRequest(step, (host) => settings.originOf(host)?.authority ?? ''))
      failures.push(...judgeStep(expected.steps[index], decision, suite).map((text) => `step ${index + 1}: ${text}`))
    }
    return failures.length === 0 ? 'pass' : ({ fail: failures.join('; ') } satisfies Verdict)
  }
}

function toRequest({ method, target, headers: lines }: Step, authorityOf: (host: string) => string): AgentRequest {
  const headers = createHeaderFields(lines.flatMap(([name, value]) => [name, value.trim()]))
  const queryStart = target.indexOf('?')
  return {
    method,
    target,
    path: queryStart === -1 ? target : target.slice(0, queryStart),
    query: queryStart === -1 ? undefined : target.slice(queryStart),
    scheme: 'https',
    authority: authorityOf(headers.lines('host')[0] ?? ''),
    headers,
    remoteAddress: '192.0.2.1',
    hasBody: false,
    contentLength: undefined,
    body: () => new Uint8Array(),
    route: () => ({ template: undefined, parameters: {} }),
    raw: {},
  }
}

interface Expectation {
  readonly outcome: 'accept' | 'reject' | 'either'
  readonly reason?: string
  readonly agent?: string
  readonly subject?: string
  readonly actors?: readonly string[]
}

/** A scope that is too small is refused behind the guard: what the token grants is all that can be said here. */
function judgeStep(expectation: Expectation, decision: Decision, { setup }: Suite): readonly string[] {
  const { outcome, agent, subject, actors } = expectation
  if (decision.outcome === 'deny') {
    const isWrong = outcome === 'accept' || decision.reply.status >= 500
    return isWrong ? [`expected ${outcome}, got ${decision.refusal.code}: ${decision.refusal.message}`] : []
  }
  const { id, delegation } = decision.agent ?? {}
  const mayDo = delegation?.scopes.includes(setup.scope_needed) === true
  if (outcome === 'reject') return mayDo ? ['accepted'] : []
  const failures = outcome === 'accept' && !mayDo ? ['the scope that is needed is not there'] : []
  if (agent !== undefined && id !== agent) failures.push(`accepted as ${id} instead of ${agent}`)
  if (subject !== undefined && delegation?.subject !== subject) failures.push(`for ${delegation?.subject}`)
  const acting = [delegation?.actor, ...(delegation?.priorActors ?? [])].map((actor) => actor?.id)
  if (actors !== undefined && JSON.stringify(acting) !== JSON.stringify(actors)) failures.push(`through ${acting}`)
  return failures
}
