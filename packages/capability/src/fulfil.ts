import { type AgentRequest, type CapabilityFact, type Environment, Refusal } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import { type ValidTicket, verifyTicket } from './approvals/redeem-ticket.ts'
import type { Asking, LimitedScope } from './asking.ts'
import { reserveBudgets } from './budgets/reserve-budgets.ts'
import type { Examination } from './constraints/examine-groups.ts'
import type { Holdings, ScopeNames } from './holdings.ts'
import type { Caller, Capable } from './require-capability.ts'

/** What was decided; without an examination there was no limit. */
export interface Decided {
  readonly scopes: readonly LimitedScope[]
  readonly examination: Examination | undefined
}

/** For which request. */
export interface DecidedFor {
  readonly asking: Asking
  readonly holdings: Holdings
  readonly caller: Caller
  readonly request: AgentRequest
  readonly environment: Environment
}

const NOTHING_DONE: Pick<CapabilityFact, 'approval' | 'release'> = { approval: undefined, release: undefined }

type Release = NonNullable<CapabilityFact['release']>

/**
 * Does what limits ask for, in an order in which nothing is used up in vain: the ticket is judged, budgets are counted, the
 * ticket is used up, and if that fails the budgets are given back.
 */
export function fulfil({ scopes, examination }: Decided, context: DecidedFor): Capable | Promise<Capable> {
  const { caller } = context
  const isFree = examination === undefined || (examination.budgets.length === 0 && !examination.needsApproval)
  if (isFree) return { capability: createFact(scopes, context, NOTHING_DONE) }
  const finish = (ticket: ValidTicket | undefined, release: Release | undefined): Capable => {
    return { capability: createFact(scopes, context, { approval: ticket?.approval, release }) }
  }
  const useUp = (ticket: ValidTicket | undefined, release: Release | undefined): Capable | Promise<Capable> => {
    const giveBack = (error: unknown): Promise<never> => Promise.resolve(release?.()).then(() => Promise.reject(error))
    try {
      const claimed = ticket?.claim()
      return isThenable(claimed) ? claimed.then(() => finish(ticket, release), giveBack) : finish(ticket, release)
    } catch (error) {
      return giveBack(error)
    }
  }
  const count = (ticket: ValidTicket | undefined): Capable | Promise<Capable> => {
    const { agent, rules } = context.asking
    const release = reserveBudgets(examination.budgets, agent.id, rules.budgets, context.environment)
    return isThenable(release) ? release.then((given) => useUp(ticket, given)) : useUp(ticket, release)
  }
  // One ticket stands for the whole request, whichever check asks.
  const needsTicket = examination.needsApproval && caller.capability?.approval === undefined
  const ticket = needsTicket ? judgeTicket(context) : undefined
  return isThenable(ticket) ? ticket.then(count) : count(ticket)
}

function judgeTicket({ asking, request, environment }: DecidedFor): ValidTicket | Promise<ValidTicket> {
  const { approvals } = asking.rules
  if (approvals !== undefined) return verifyTicket(request, asking, approvals, environment)
  throw new Refusal('approval_required', 'a human has to approve this, and nobody here takes approvals')
}

function namesOf(scopes: readonly LimitedScope[], { names: known }: Holdings): ScopeNames {
  const before = known.get(scopes)
  if (before !== undefined) return before
  const names = {
    declared: Object.freeze(scopes.map(({ wanted }) => wanted.declared ?? wanted.text)),
    used: Object.freeze(scopes.map(({ wanted }) => wanted.text)),
    asked: Object.freeze(scopes.map(({ wanted }) => wanted.written)),
  }
  known.set(scopes, names)
  return names
}

/** A second check of one request adds to what the first one established. */
function createFact(
  scopes: readonly LimitedScope[],
  { asking, caller, holdings }: DecidedFor,
  done: Pick<CapabilityFact, 'approval' | 'release'>,
): CapabilityFact {
  const before = caller.capability
  const names = namesOf(scopes, holdings)
  if (before === undefined) {
    return Object.freeze({
      declared: names.declared,
      used: names.used,
      asked: names.asked,
      approval: done.approval,
      release: done.release,
      context: asking.context,
    })
  }
  const release = bothReleases(before.release, done.release)
  return Object.freeze({
    declared: Object.freeze([...(before.declared ?? []), ...names.declared]),
    used: Object.freeze([...before.used, ...names.used]),
    asked: Object.freeze([...(before.asked ?? []), ...names.asked]),
    approval: done.approval ?? before.approval,
    release,
    context: asking.context,
  })
}

function bothReleases(first: Release | undefined, second: Release | undefined): Release | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return async () => {
    await first()
    await second()
  }
}
