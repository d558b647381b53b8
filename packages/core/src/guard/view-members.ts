import type { AgentView } from '../facts.ts'
import { requireObject } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'

/** Makes one more member of a view, such as a method over what the view says. */
export type ViewMember = (agent: AgentView) => unknown

/** More members of views, by name. */
export type ViewMembers = readonly (readonly [name: string, make: ViewMember])[]

/** What every view has. */
export const OWN_MEMBERS: ReadonlySet<string> = new Set([
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
