import type { AgentView, Facts } from './facts.ts'
import { hasForeign } from './facts-record.ts'
import { Misconfigured } from './misconfigured.ts'
import { requireObject } from './option-checks.ts'

const COVERS_NOTHING = (): boolean => false

/** Makes one more member of a view, such as a method over what the view says. */
export type ViewMember = (agent: AgentView) => unknown

/** More members of views, by name. */
export type ViewMembers = readonly (readonly [name: string, make: ViewMember])[]

/** A view over the facts that makes nothing before it is asked; nothing in it can be set. */
class View implements AgentView {
  readonly #facts: Readonly<Partial<Facts>>
  readonly #state: { readonly requestId: string }

  constructor(facts: Readonly<Partial<Facts>>, state: { readonly requestId: string }) {
    this.#facts = facts
    this.#state = state
  }

  get id(): string {
    return (this.#facts.agent as Facts['agent']).id
  }
  get level(): Facts['agent']['level'] {
    return (this.#facts.agent as Facts['agent']).level
  }
  get scheme(): Facts['agent']['scheme'] {
    return (this.#facts.agent as Facts['agent']).scheme
  }
  get record(): Facts['agent']['record'] {
    return (this.#facts.agent as Facts['agent']).record
  }
  get agent(): Facts['agent'] | undefined {
    return this.#facts.agent
  }
  get requestId(): string {
    return this.#state.requestId
  }
  get keyId(): string | undefined {
    return this.#facts.proof?.keyId
  }
  get thumbprint(): string | undefined {
    return this.#facts.proof?.thumbprint
  }
  get proof(): Facts['proof'] | undefined {
    return this.#facts.proof
  }
  get freshness(): Facts['freshness'] | undefined {
    return this.#facts.freshness
  }
  get delegation(): Facts['delegation'] | undefined {
    return this.#facts.delegation
  }
  get capability(): Facts['capability'] | undefined {
    return this.#facts.capability
  }
  get covered(): AgentView['covered'] {
    return this.#facts.proof?.covers ?? COVERS_NOTHING
  }
}
Object.setPrototypeOf(View.prototype, Object.freeze(Object.create(null)))
for (const name of Object.getOwnPropertyNames(View.prototype)) {
  if (name !== 'constructor') Object.defineProperty(View.prototype, name, { enumerable: true })
}

/** The flat, frozen view of the facts for handlers; `undefined` while nobody is known. */
export function createAgentView(
  facts: Readonly<Partial<Facts>>,
  state: { readonly requestId: string },
  members: ViewMembers,
): AgentView | undefined {
  if (facts.agent === undefined) return undefined
  const view = new View(facts, state)
  if (members.length === 0 && !hasForeign.has(facts)) return view
  for (const [name, value] of Object.entries(facts)) {
    if (!OWN_MEMBERS.has(name)) Object.defineProperty(view, name, { value, enumerable: true })
  }
  for (const [name, make] of members) Object.defineProperty(view, name, { value: make(view), enumerable: true })
  return Object.freeze(view)
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
