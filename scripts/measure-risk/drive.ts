import type { AgentFact, CapabilityFact, Decision, DelegationFact, ProofFact } from '@countermark/core'
import { Refusal } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import {
  assessRisk,
  memoryRisk,
  type RiskBook,
  type RiskCaller,
  type RiskPolicy,
  type RiskStore,
  type Standing,
} from '@countermark/risk'
import { aRequest, createFakeClock, createTestEnvironment } from '@countermark/testing'
import type { TrafficEvent } from './events.ts'

/** What the check said of one request. */
export interface Judged {
  readonly event: TrafficEvent
  readonly score: number
  readonly isThrottled: boolean
  /** Where the agent stands now. */
  readonly standing: () => Standing | undefined
}

const POLICY: RiskPolicy = { baseline: 'enforce' }

/** Sends traffic through the real check, in order of time, and tells the check how it ended. */
export function drive(
  events: readonly TrafficEvent[],
  judged: (judged: Judged) => void,
  policy: RiskPolicy = POLICY,
): RiskBook {
  const clock = createFakeClock(events[0]?.atMs ?? 0)
  const amounts = new WeakMap<object, number>()
  const { store, book } = openBook()
  const risk = assessRisk({ store, policy, amount: (request) => amounts.get(request.raw) })
  const environment = { ...createTestEnvironment({ clock }), report: () => undefined }
  const standingAt = ({ agentId, atMs }: TrafficEvent): Standing | undefined => {
    const standing = book().find(agentId, atMs)
    if (isThenable(standing)) throw new TypeError('the memory store answers at once')
    return standing
  }
  for (const event of events) {
    clock.advance(event.atMs - clock.wallMs())
    const raw = {}
    if (event.amount !== undefined) amounts.set(raw, event.amount)
    const request = aRequest({ method: event.method, target: event.path, remoteAddress: event.address, raw })
    const caller = callerOf(event)
    let score = 0
    let isThrottled = false
    try {
      const facts = risk(request, caller, environment)
      if (isThenable(facts)) throw new TypeError('the memory store answers at once')
      score = facts.risk.score
      const decision = { request, facts: caller, atMs: event.atMs, refusal: undefined, mode: 'enforce' }
      risk.observer.finished?.(decision as unknown as Decision, {
        requestId: '',
        status: event.status,
        durationMs: 0,
        aborted: false,
        ...(event.bytes === undefined ? {} : { bytes: event.bytes }),
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      isThrottled = true
      score = standingAt(event)?.score ?? 0
    }
    judged({ event, score, isThrottled, standing: () => standingAt(event) })
  }
  return book()
}

/** The memory store, and what the check opened of it: only there a standing can be asked for at the time of the traffic. */
function openBook(): { store: RiskStore; book: () => RiskBook } {
  let opened: RiskBook | undefined
  const store: RiskStore = {
    name: 'memory',
    open: (settings) => {
      opened = memoryRisk().open(settings)
      return opened
    },
  }
  return {
    store,
    book: () => {
      if (opened === undefined) throw new TypeError('the check opens its store at once')
      return opened
    },
  }
}

function callerOf({ agentId, user, scope }: TrafficEvent): RiskCaller {
  const agent = { id: agentId, level: 'signed', scheme: 'rfc9421', record: { id: agentId, state: 'active' } }
  const proof = { thumbprint: `key of ${agentId}` }
  return {
    agent: agent as AgentFact,
    proof: proof as ProofFact,
    ...(user === undefined ? {} : { delegation: { issuer: 'https://id.example', subject: user } as DelegationFact }),
    ...(scope === undefined ? {} : { capability: { used: [scope] } as CapabilityFact }),
  }
}
