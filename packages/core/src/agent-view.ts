import { bareCopy } from './bare-object.ts'
import type { AgentView, Facts } from './facts.ts'
import { Misconfigured } from './misconfigured.ts'
import { requireObject } from './option-checks.ts'

const COVERS_NOTHING = (): boolean => false

/** Makes one more member of a view, such as a method over what the view says. */
export type ViewMember = (agent: AgentView) => unknown

/** More members of views, by name. */
export type ViewMembers = readonly (readonly [name: string, make: ViewMember])[]

/** The flat, frozen view of the facts for handlers; `undefined` while nobody is known. */
export function createAgentView(
  facts: Readonly<Partial<Facts>>,
  requestId: string,
  members: ViewMembers,
): AgentView | undefined {
  const { agent, proof, freshness, delegation, capability } = facts
  if (agent === undefined) return undefined
  // Assigned step by step: one literal with two spreads takes V8 eighty times as long.
  const view: Partial<AgentView> = Object.assign(bareCopy(facts), agent, {
    requestId,
    keyId: proof?.keyId,
    thumbprint: proof?.thumbprint,
    proof,
    freshness,
    delegation,
    capability,
    covered: proof?.covers ?? COVERS_NOTHING,
  })
  // Other packages add to Facts and to AgentView alike; which of them are loaded is not known here.
  const whole = view as AgentView
  for (const [name, make] of members) Object.assign(view, { [name]: make(whole) })
  return Object.freeze(whole)
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
