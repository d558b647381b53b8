import type { Clock, Environment } from '@countermark/core'
import type { RiskEngine } from './engine.ts'
import type { EventIntake } from './events/event-intake.ts'
import type { RiskEventSource } from './events/event-source.ts'
import { SERVICE_METRICS } from './service-metrics.ts'
import { type ReadPlaces, readSnapshot, writeSnapshot } from './snapshot.ts'

/** What is kept, where and how often. */
export interface KeeperOptions {
  readonly snapshot: string | undefined
  readonly snapshotEverySeconds: number
  readonly sources: readonly RiskEventSource[]
  readonly engine: RiskEngine
  readonly intake: EventIntake
  readonly clock: Clock
  readonly delay: (ms: number) => Promise<void>
  readonly report: Environment['report']
}

/** Keeps levels and baselines in a file, so that they outlive the process. */
export interface Keeper {
  /** @throws Misconfigured for a file that is no snapshot */
  readonly restore: () => Promise<void>
  readonly start: () => void
  /** Keeps everything a last time. */
  readonly close: () => Promise<void>
}

/** Makes the keeper of one engine. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { snapshot: path, snapshotEverySeconds, sources, engine, intake, clock, delay, report } = options
  let isClosing = false
  let endPause = (): void => undefined
  let running: Promise<void> | undefined
  const closed = new Promise<void>((resolve) => {
    endPause = resolve
  })

  function places(): ReadPlaces {
    const positions = sources.map((source) => [`${source.name} ${source.id}`, source.position()])
    return { streams: intake.places(), sources: Object.fromEntries(positions) }
  }

  async function keep(): Promise<void> {
    if (path === undefined) return
    await writeSnapshot(path, engine.assessor, places())
    report(SERVICE_METRICS.measure('risk_service_snapshot_timestamp_seconds', clock.wallMs() / 1000))
  }

  async function keepAgain(): Promise<void> {
    for (;;) {
      await Promise.race([delay(snapshotEverySeconds * 1000), closed])
      if (isClosing) return
      await keep().catch((error: unknown) => {
        process.emitWarning(`levels cannot be kept: ${error instanceof Error ? error.message : error}`, {
          type: 'CountermarkWarning',
          code: 'risk_snapshot_failed',
        })
      })
    }
  }

  return {
    restore: async () => {
      const restored = path === undefined ? undefined : await readSnapshot(path, engine.assessor)
      if (restored === undefined) return
      intake.resume(restored.streams)
      for (const source of sources) {
        const position = restored.sources[`${source.name} ${source.id}`]
        if (position !== undefined) source.resume(position)
      }
    },
    start: () => {
      if (path !== undefined) running = keepAgain()
    },
    close: async () => {
      isClosing = true
      endPause()
      await running
      await keep()
    },
  }
}
