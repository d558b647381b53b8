import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CommandError, reasonOf } from '../errors.ts'
import { requireUrl } from '../request-arguments.ts'
import type { Terminal } from '../terminal.ts'

/** What a service announces of its API keys: docs/protocol/resource-metadata.md. */
export interface ServiceDates {
  readonly deprecated: string | undefined
  readonly sunset: string | undefined
  readonly documentation: string | undefined
  /** Beginnings and ends, ISO 8601: of those to come the next ones. */
  readonly brownouts: readonly { readonly from: string; readonly until: string }[]
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const TIMEOUT_MS = 10_000
const MOST_BROWNOUTS = 5

/**
 * Reads what a service publishes, from its URL or from a file.
 * @throws {@link CommandError}
 */
export async function readServiceDates(place: string, { folder, clock }: Terminal): Promise<ServiceDates | undefined> {
  const document = await readDocument(place, folder)
  const keys: unknown = Object(document)['api_keys']
  if (typeof keys !== 'object' || keys === null) return undefined
  const { deprecated, sunset, documentation, brownouts }: Readonly<Record<string, unknown>> = Object(keys)
  const sunsetMs = typeof sunset === 'string' ? Date.parse(sunset) : Number.POSITIVE_INFINITY
  const windows = (Array.isArray(brownouts) ? brownouts : []).flatMap((one) =>
    comingOf(Object(one), clock.wallMs(), sunsetMs),
  )
  return {
    deprecated: textOf(deprecated),
    sunset: textOf(sunset),
    documentation: textOf(documentation),
    brownouts: windows
      .sort(([one], [other]) => one - other)
      .slice(0, MOST_BROWNOUTS)
      .map(([fromMs, untilMs]) => ({ from: isoTime(fromMs), until: isoTime(untilMs) })),
  }
}

async function readDocument(place: string, folder: string): Promise<unknown> {
  try {
    if (!/^https?:/.test(place)) return JSON.parse(readFileSync(resolve(folder, place), 'utf8'))
    requireUrl(place)
    const url = new URL(WELL_KNOWN, place)
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
    return await response.json()
  } catch (error) {
    throw new CommandError(
      `${place} tells nothing of the service: ${reasonOf(error)}`,
      'name its origin, or a copy of its document',
    )
  }
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

function comingOf(
  { from, minutes, every_days: everyDays }: Readonly<Record<string, unknown>>,
  nowMs: number,
  sunsetMs: number,
): readonly (readonly [fromMs: number, untilMs: number])[] {
  const firstMs = typeof from === 'string' ? Date.parse(from) : Number.NaN
  if (Number.isNaN(firstMs) || typeof minutes !== 'number') return []
  const everyMs = typeof everyDays === 'number' && everyDays >= 1 ? everyDays * DAY_MS : 0
  const passed = everyMs === 0 ? 0 : Math.max(0, Math.floor((nowMs - firstMs) / everyMs))
  return Array.from({ length: everyMs === 0 ? 1 : MOST_BROWNOUTS + 1 }, (_, index) => {
    const fromMs = firstMs + (passed + index) * everyMs
    return [fromMs, fromMs + minutes * MINUTE_MS] as const
  }).filter(([fromMs, untilMs]) => untilMs > nowMs && fromMs < sunsetMs)
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
