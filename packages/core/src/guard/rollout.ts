import { hash } from 'node:crypto'
import { addressPrefix } from '../internal/ip.ts'
import { number, optionTable, word } from '../internal/option-table.ts'
import { requireObject } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { Refusal } from '../refusal/refusal.ts'

/** For which share of callers a guard acts on what it decides; for the others it observes. */
export interface Rollout {
  /**
   * 0 observes for all, 100 enforces for all. Callers that are enforced at 10 are enforced at 20, in every process and after
   * every restart. Percent.
   */
  readonly percent: number
  /**
   * What decides where a caller belongs. `agent`: the agent that a credential proves, and the network (/24 of IPv4, /48 of
   * IPv6) where none does. `network`: the network alone, so that leaving a credential out changes nothing. @default 'agent'
   */
  readonly by?: 'agent' | 'network'
}

/** A rollout after validation. */
export type RolloutSettings = Readonly<Required<Rollout>>

/** What a guard does about a refusal. */
export const MODES = ['enforce', 'observe'] as const

/** Whether a guard acts on a decision. */
export type Mode = (typeof MODES)[number]

/** What options say of it: one of the two, or neither. */
export interface RolloutOptions {
  readonly mode?: Mode | undefined
  readonly enforce?: Rollout | undefined
}

const SHARES: Readonly<Record<Mode, RolloutSettings>> = {
  enforce: { percent: 100, by: 'agent' },
  observe: { percent: 0, by: 'agent' },
}

const ROLLOUT = optionTable('enforce', {
  percent: number({ min: 0, max: 100 }),
  by: word(['agent', 'network'], 'agent'),
})

/**
 * Reads `mode` and `enforce`; `fallback` holds when neither is given.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function readRollout({ mode, enforce }: RolloutOptions, fallback: RolloutSettings): RolloutSettings {
  if (enforce === undefined) return mode === undefined ? fallback : SHARES[mode]
  if (mode !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'give either mode or enforce: both say for whom refusals count')
  }
  requireObject('enforce', enforce)
  const { percent, by } = ROLLOUT.read(enforce, 'enforce.')
  if (percent !== undefined) return { percent, by }
  throw new Misconfigured('ERR_OPTION_MISSING', 'enforce needs percent, the share of callers such as { percent: 10 }')
}

/** What holds where nothing is said. */
export const ENFORCED: RolloutSettings = SHARES.enforce

/** The mode of a guard as a whole, for tools and for the configuration hash. */
export function wholeMode({ percent }: RolloutSettings): Mode {
  return percent === 0 ? 'observe' : 'enforce'
}

/** Whether some callers are enforced and others observed. */
export function isPartial({ percent }: RolloutSettings): boolean {
  return percent > 0 && percent < 100
}

/** A caller, by what it cannot choose. */
export interface RolloutCaller {
  /** The agent that a credential of this request proves. */
  readonly agentId: string | undefined
  readonly address: string | undefined
}

/** Where a caller belongs, and by what. */
export interface Share {
  readonly mode: Mode
  readonly by: 'agent' | 'network'
}

const OF_COPIES: ReadonlySet<string | undefined> = new Set([
  'replay_detected',
  'freshness_unproven',
  'replay_store_unavailable',
  // A copy whose body comes slowly, too.
  'signature_expired',
])

/** Whether a refusal may answer a copy of a request, whose signature proves who made the original. */
export function isOfCopy(refusal: Pick<Refusal, 'code'> | undefined): boolean {
  return OF_COPIES.has(refusal?.code)
}

/** Finds where a caller belongs: each has a fixed place between 0 and 100. */
export function shareOf({ percent, by }: RolloutSettings, { agentId, address }: RolloutCaller): Share {
  const decides = by === 'agent' && agentId !== undefined ? 'agent' : 'network'
  const place = placeOf(decides === 'agent' ? `agent\n${agentId}` : `network\n${siteOf(address)}`)
  return { mode: place < percent ? 'enforce' : 'observe', by: decides }
}

const PLACES = 0x1_0000_0000

function placeOf(name: string): number {
  const first = Number.parseInt(hash('sha256', `countermark enforce\n${name}`, 'hex').slice(0, 8), 16)
  return (first / PLACES) * 100
}

/** An end site has a /48 of IPv6 (RFC 6177): with /64 it could choose among 65 536 places. */
function siteOf(address: string | undefined): string {
  const network = addressPrefix(address)
  return network.endsWith('::/64') ? `${network.split(':').slice(0, 3).join(':')}::/48` : network
}
