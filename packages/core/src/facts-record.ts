import { inheritNothing } from './bare-object.ts'
import type { Facts } from './facts.ts'

/** The facts of one run: those of this repository have a place of their own, so that every run looks alike to the engine. */
export class FactsRecord {
  agent: Facts['agent'] | undefined
  proof: Facts['proof'] | undefined
  freshness: Facts['freshness'] | undefined
  delegation: Facts['delegation'] | undefined
  capability: Facts['capability'] | undefined

  constructor(before: Readonly<Partial<Facts>>) {
    this.agent = before.agent
    this.proof = before.proof
    this.freshness = before.freshness
    this.delegation = before.delegation
    this.capability = before.capability
    if (before instanceof FactsRecord || before === NO_FACTS) {
      if (hasForeign.has(before)) Object.assign(this, before)
    } else Object.assign(this, before)
  }
}
// What somebody put on Object.prototype is no fact.
inheritNothing(FactsRecord)

/** Runs with facts of other packages, rare enough for a set. */
export const hasForeign: WeakSet<object> = new WeakSet<object>()

export const NO_FACTS: Readonly<Partial<Facts>> = Object.freeze(Object.create(null))

const OWN: ReadonlySet<string> = new Set(['agent', 'proof', 'freshness', 'delegation', 'capability'])

export function isOwnFact(name: string): boolean {
  return OWN.has(name)
}

/** Puts what a check added among the facts. */
export function addFacts(facts: FactsRecord, added: Readonly<Partial<Facts>>, onlyOwn: boolean): void {
  if (!onlyOwn) {
    hasForeign.add(facts)
    Object.assign(facts, added)
    return
  }
  // Own members only: what somebody put on Object.prototype is no fact.
  if (Object.hasOwn(added, 'agent')) facts.agent = added.agent
  if (Object.hasOwn(added, 'proof')) facts.proof = added.proof
  if (Object.hasOwn(added, 'freshness')) facts.freshness = added.freshness
  if (Object.hasOwn(added, 'delegation')) facts.delegation = added.delegation
  if (Object.hasOwn(added, 'capability')) facts.capability = added.capability
}
