import { randomUUID } from 'node:crypto'
import type { CheckDescription } from '../check.ts'
import type { CredentialScheme, Level } from '../credential-scheme.ts'
import type { Environment } from '../environment.ts'
import type { AgentView, Facts } from '../facts.ts'
import type { HeaderField } from '../header-fields.ts'
import { type Attachment, bareCopy, inheritNothing } from '../internal/closed-object.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { ReplyTemplates } from '../refusal/reply-template.ts'
import type { Reply } from '../refusal/response.ts'
import type { AgentRequest } from '../request.ts'
import type { CheckTiming } from '../seams/observer.ts'
import type { GuardSettings } from './options.ts'
import type { OrderedChecks } from './order.ts'
import type { Mode, RolloutSettings } from './rollout.ts'
import type { SourceLimiter } from './source-limit.ts'
import { OWN_MEMBERS, type ViewMembers } from './view-members.ts'

/** One composed guard. */
export interface GuardContext extends OrderedChecks {
  readonly settings: GuardSettings
  readonly environment: Environment
  readonly route: {
    readonly optional: boolean
    readonly rollout: RolloutSettings
  }
  /** What it does about a refusal; `undefined` where that depends on the caller. */
  readonly mode: Mode | undefined
  /** By kind of method, weakest first. */
  readonly acceptedLevels: Readonly<Record<'safe' | 'unsafe', readonly Level[]>>
  readonly templates: ReplyTemplates
  /** Kinds of credentials, those of this guard's checks included. */
  readonly schemes: readonly CredentialScheme[]
  /** Request fields of credentials that are not of this repository. */
  readonly guardedFields: readonly string[]
  /** For `Access-Control-Expose-Headers`. */
  readonly exposed: string
  /** Hash of how this guard is configured. */
  readonly configuration: string
  /** Checks that announce something in answers. */
  readonly announcing: readonly CheckDescription[]
  /** Whether an observer, a recorder or `onRefusal` wants to know: decisions and timings are made for these alone. */
  readonly listens: boolean
  /** `undefined` when it is off. */
  readonly sources: SourceLimiter | undefined
}

/** A composed guard. Never throws and never rejects: whatever happens becomes a verdict. */
export type Guard = (request: AgentRequest) => Verdict | Promise<Verdict>

/** One request on its way through one guard. Its facts stand only once the guard lets it pass. */
export interface Run {
  readonly context: GuardContext
  readonly state: RequestState
  readonly facts: Partial<Facts>
  readonly timings: CheckTiming[]
}

/** Makes the environment of one guard factory. */
export function createEnvironment(settings: GuardSettings): Environment {
  const { clock, verifier, development, errorDetail, observers, service } = settings
  const measurers = observers.filter((observer) => observer.measured !== undefined)
  return {
    clock,
    verifier,
    development,
    hidesAgents: errorDetail === 'minimal',
    service,
    report: (measurement) => {
      for (const observer of measurers) {
        try {
          observer.measured?.(measurement)
        } catch {
          // Silence is right: reporting that a report failed would fail the same way.
        }
      }
    },
  }
}

/** What the guards of one factory know of one request. Kept beside the request, where no other code can assign it. */
export interface RequestState {
  readonly request: AgentRequest
  readonly requestId: string
  /** By the monotonic clock; 0 without listeners. */
  readonly startedMs: number
  /** Facts that stand: established by guards that let the request pass. */
  facts: Readonly<Partial<Facts>>
  view: AgentView | undefined
  shapeChecked: boolean
  /** Whether its network had a request left. */
  admitted: boolean
  /** An observer or the recorder was told how the request ended. */
  ended: boolean
  /** Some guard let this request through without an identity, by name. */
  anonymous: boolean
  /** Checks of guards that did so: what they accept helps the caller behind them as well. */
  passed: readonly CheckDescription[]
}

const NO_CHECKS: readonly CheckDescription[] = []
const NO_FACTS: Readonly<Partial<Facts>> = Object.freeze(bareCopy({}))

/** Starts to remember a request. */
export function createRequestState(request: AgentRequest, startedMs: number): RequestState {
  return {
    request,
    requestId: randomUUID(),
    startedMs,
    facts: NO_FACTS,
    view: undefined,
    shapeChecked: false,
    admitted: false,
    ended: false,
    anonymous: false,
    passed: NO_CHECKS,
  }
}

/** What one guard factory remembers of requests, by the framework's own request. */
export type RequestStates = Attachment<RequestState>

/** What the adapter has to do. */
export type Verdict =
  | {
      readonly outcome: 'allow'
      readonly agent: AgentView | undefined
      readonly finish: Finish | undefined
      /** What checks announce in the answer, whatever it is. */
      readonly fields: readonly HeaderField[]
      /** What a guard that only observes let pass. */
      readonly observed: Refusal | undefined
    }
  | { readonly outcome: 'deny'; readonly refusal: Refusal; readonly reply: Reply; readonly finish: Finish | undefined }

/**
 * Tells observers how the request ended; `unserved` when it was allowed but no handler ran, `bytes` of the answer where they
 * can be counted. `undefined` without observers.
 */
export type Finish = (status: number, aborted: boolean, unserved?: 'unserved', bytes?: number) => void

const COVERS_NOTHING = (): boolean => false

/** A class, not a literal that is spread into: every view has one shape, and inherits nothing that can be polluted. */
class View {
  readonly id: string
  readonly level: Facts['agent']['level']
  readonly scheme: Facts['agent']['scheme']
  readonly record: Facts['agent']['record']
  readonly agent: Facts['agent']
  readonly requestId: string
  readonly keyId: string | undefined
  readonly thumbprint: string | undefined
  readonly proof: Facts['proof'] | undefined
  readonly freshness: Facts['freshness'] | undefined
  readonly delegation: Facts['delegation'] | undefined
  readonly capability: Facts['capability'] | undefined
  readonly covered: AgentView['covered']

  constructor(agent: Facts['agent'], facts: Readonly<Partial<Facts>>, requestId: string) {
    const { proof } = facts
    this.id = agent.id
    this.level = agent.level
    this.scheme = agent.scheme
    this.record = agent.record
    this.agent = agent
    this.requestId = requestId
    this.keyId = proof?.keyId
    this.thumbprint = proof?.thumbprint
    this.proof = proof
    this.freshness = facts.freshness
    this.delegation = facts.delegation
    this.capability = facts.capability
    this.covered = proof?.covers ?? COVERS_NOTHING
  }
}
inheritNothing(View)

/** The flat, frozen view of the facts for handlers; `undefined` while no agent is known. */
export function createAgentView(
  facts: Readonly<Partial<Facts>>,
  requestId: string,
  members: ViewMembers,
): AgentView | undefined {
  if (facts.agent === undefined) return undefined
  const view = new View(facts.agent, facts, requestId)
  // Other packages add to Facts and to AgentView alike; which of them are loaded is not known here.
  const whole = view as View & AgentView
  for (const name of Object.keys(facts)) {
    if (!OWN_MEMBERS.has(name)) addMember(view, name, (facts as Readonly<Record<string, unknown>>)[name])
  }
  for (const [name, make] of members) addMember(view, name, make(whole))
  return Object.freeze(whole)
}

/** Defined, not assigned: a fact named `__proto__` is a member like others. */
function addMember(view: object, name: string, value: unknown): void {
  Object.defineProperty(view, name, { value, enumerable: true })
}
