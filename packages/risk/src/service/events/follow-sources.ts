import type { Environment } from '@countermark/core'
import { reportDegraded } from '@countermark/core/internal'
import type { EventIntake } from './event-intake.ts'
import type { RiskEventSource } from './event-source.ts'

/** How sources are followed. */
export interface FollowOptions {
  readonly sources: readonly RiskEventSource[]
  readonly take: EventIntake['take']
  readonly delay: (ms: number) => Promise<void>
  readonly report: Environment['report']
}

/** Sources that are read again and again. */
export interface FollowedSources {
  readonly start: () => void
  /** Those that could not be read the last time. */
  readonly failing: () => readonly string[]
  /** Ends after what is under way. */
  readonly close: () => Promise<void>
}

/** Levels follow within a second: four looks are enough. */
const LOOK_EVERY_MS = 200
const LONGEST_PAUSE_MS = 5000

/** Follows sources beside each other. One that fails is tried again and shown as degraded. */
export function followSources({ sources, take, delay, report }: FollowOptions): FollowedSources {
  const failing = new Set<string>()
  let isClosing = false
  let running: readonly Promise<void>[] = []
  let endPause = (): void => undefined
  const closed = new Promise<void>((resolve) => {
    endPause = resolve
  })

  async function follow(source: RiskEventSource): Promise<void> {
    for (let failures = 0; !isClosing; ) {
      const hadMore = await source
        .read((lines) => take(lines, source.name))
        .then(
          (had) => {
            failures = 0
            tell(source, false)
            return had
          },
          () => {
            failures += 1
            tell(source, true)
            return false
          },
        )
      if (hadMore || isClosing) continue
      const pauseMs = Math.min(LONGEST_PAUSE_MS, LOOK_EVERY_MS * 2 ** failures)
      await Promise.race([delay(pauseMs), closed])
    }
    await source.close?.()
  }

  function tell({ id }: RiskEventSource, fails: boolean): void {
    if (failing.has(id) === fails) return
    if (fails) failing.add(id)
    else failing.delete(id)
    reportDegraded(report, 'risk-events', failing.size === 0 ? 0 : 1)
  }

  return {
    start: () => {
      running = sources.map(follow)
    },
    failing: () => [...failing],
    close: async () => {
      isClosing = true
      endPause()
      await Promise.all(running)
    },
  }
}
