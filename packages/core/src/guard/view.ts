import type { AgentView, Facts } from '../facts.ts'
import { inheritNothing } from '../internal/bare-object.ts'
import { requireObject } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'

const COVERS_NOTHING = (): boolean => false

/** Makes one more member of a view, such as a method over what the view says. */
export type ViewMember = (agent: AgentView) => unknown

/** More members of views, by name. */
export type ViewMembers = readonly (readonly [name: string, make: ViewMember])[]

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

/** The flat, frozen view of the facts for handlers; `undefined` while nobody is known. */
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

/** What every view has. */
const OWN_MEMBERS: ReadonlySet<string> = new Set([
  ...['id', 'level', 'scheme', 'record', 'agent', 'requestId', 'keyId', 'thumbprint'],
  ...['proof', 'freshness', 'delegation', 'capability', 'covered'],
])

/**
 * Validates what `createGuard({ view })` adds: nothing that every view has is replaced.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function readViewMembers(members: Readonly<Record<string, ViewMember>>): ViewMembers {
  requireObject('view', members)
  for (const [name, make] of Object.entries(members)) {
    if (typeof make !== 'function') throw invalid(`view.${name} must be a function that makes the member of a view`)
    if (OWN_MEMBERS.has(name)) throw invalid(`view must not replace ${name}: choose another name`)
  }
  return Object.entries(members)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
