import {
  type AgentFact,
  type Check,
  defineCheck,
  Refusal,
  type RefusalRow,
  requireKnownOptions,
  requireNumber,
} from '@countermark/core'

/** Until when the caller may go on; handlers see it as `req.agent.opening`. */
export interface OpeningFact {
  /** Unix milliseconds. */
  readonly closesAtMs: number
}

declare module '@countermark/core' {
  interface Facts {
    readonly opening: OpeningFact
  }
  interface AgentView {
    readonly opening?: OpeningFact
  }
  interface ForeignRefusalCodes {
    readonly outside_hours: true
  }
}

/** For `createGuard({ refusals })`. */
export const OPENING_HOURS_REFUSALS: Readonly<Record<'outside_hours', RefusalRow>> = {
  outside_hours: { title: 'Closed at this hour', status: 403, retry: 'later' },
}

/** Options of {@link requireOpeningHours}. */
export interface OpeningHoursOptions {
  /** Hour of the day, UTC, from which requests are accepted. */
  readonly fromHour: number
  /** Hour of the day, UTC, from which they no longer are. */
  readonly toHour: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * Refuses agents outside opening hours.
 * @throws Misconfigured
 */
export function requireOpeningHours(
  options: OpeningHoursOptions,
): Check<{ readonly agent: AgentFact }, { readonly opening: OpeningFact }> {
  requireKnownOptions('requireOpeningHours', options, ['fromHour', 'toHour'])
  const fromMs = requireNumber('fromHour', options.fromHour, { min: 0, max: 23 }) * HOUR_MS
  const toMs = requireNumber('toHour', options.toHour, { min: options.fromHour + 1, max: 24 }) * HOUR_MS
  const description = { name: 'requireOpeningHours', needs: ['agent'], adds: ['opening'] }
  return defineCheck(description, (_request, _facts, { clock }) => {
    const nowMs = clock.wallMs()
    const midnightMs = nowMs - (nowMs % DAY_MS)
    const sinceMidnightMs = nowMs - midnightMs
    if (sinceMidnightMs >= fromMs && sinceMidnightMs < toMs) return { opening: { closesAtMs: midnightMs + toMs } }
    const untilOpeningMs = (fromMs - sinceMidnightMs + DAY_MS) % DAY_MS
    throw new Refusal('outside_hours', `requests are accepted from ${options.fromHour} to ${options.toHour} UTC`, {
      retryAfterSeconds: untilOpeningMs / 1000,
    })
  })
}
