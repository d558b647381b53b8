import type { Observer } from '@countermark/core'
import type { Kysely } from 'kysely'
import { DOOR_METRICS } from '../metric-rows.ts'
import { createDoorFeed, type DoorFeed } from './door-feed.ts'
import { createDoorStreams, type DoorStreamLimits, type DoorStreams } from './door-streams.ts'
import { createRedisPush, type PushOptions } from './redis-push.ts'
import type { StopTables } from './stop-tables.ts'

/** What pushes lines to doors. */
export interface DoorService {
  readonly feed: DoorFeed
  readonly streams: DoorStreams
  /** Says that lines may have been committed here. */
  readonly poke: () => void
  /** Begins to push by Redis, where that is wanted. */
  readonly start: () => void
  readonly close: () => void
}

/** What it is made of. */
export interface DoorServiceOptions {
  readonly reads: Kysely<StopTables>
  readonly push: Required<PushOptions> | undefined
  readonly doorStreams: Required<DoorStreamLimits>
  readonly observers: readonly Observer[]
  readonly onFault: (error: unknown) => void
}

/** Creates the feed, the limits of its streams, and the push by Redis. */
export function createDoorService({
  reads,
  push: pushed,
  doorStreams,
  observers,
  onFault: report,
}: DoorServiceOptions): DoorService {
  const feed = createDoorFeed({ reads, report })
  const push = pushed && createRedisPush({ ...pushed, reads, heard: feed.poke, report })
  const streams = createDoorStreams(doorStreams, (measurement) => {
    for (const observer of observers) observer.measured?.(measurement)
  })
  const rows = DOOR_METRICS.rowsOf({}, { door_streams: streams.count })
  for (const observer of observers) observer.described?.({ checks: [], rows })
  return {
    ...{ feed, streams },
    poke: () => {
      feed.poke()
      push?.poke()
    },
    start: () => push?.start(),
    close: () => {
      push?.close()
      feed.close()
    },
  }
}
