import type { Environment } from '@countermark/core'
import { createFetcher } from '@countermark/outbound'
import type { AuthoritySettings } from './authority-options.ts'
import { firstOriginOf } from './authority-tokens.ts'
import { createEventSender, type EventSender, type EventSenderOptions } from './events/event-sender.ts'
import type { EventTables } from './events/event-tables.ts'
import { createLossWatch } from './events/loss-watch.ts'
import type { ReceiverEndpointOptions } from './events/receiver-endpoints.ts'
import type { StreamRouteOptions } from './events/stream-routes.ts'
import { TOKEN_METRICS } from './metric-rows.ts'
import type { StoredSigningKeys } from './signing-keys/signing-keys.ts'
import type { StopTables } from './stop/stop-tables.ts'

/** What tells others of events. */
export interface Events {
  readonly sender: EventSender
  readonly options: ReceiverEndpointOptions & StreamRouteOptions
}

/** Creates it from the options of the authority. */
export function createEvents(
  { storage: store, tokens, origins, encryptionKeys: seal, clock, eventHttp }: AuthoritySettings,
  keys: StoredSigningKeys,
  { report, onFault }: { readonly report: Environment['report']; readonly onFault: EventSenderOptions['onFault'] },
): Events {
  const stored = store.tables<EventTables & StopTables>()
  const issuer = tokens?.issuer ?? firstOriginOf(origins)
  const common = { reads: stored.reads, fetcher: createFetcher(eventHttp), issuer, keys, seal, clock }
  const countNotice: EventSenderOptions['countNotice'] = (result) =>
    report(TOKEN_METRICS.measure('event_notices_total', 1, { result }))
  const watchLoss = createLossWatch({
    countLost: (kind, lines) => report(TOKEN_METRICS.measure('event_lines_lost_total', lines, { kind })),
    onFault,
  })
  const events = store.tables<EventTables>()
  return {
    options: { ...common, watchLoss, stored: events },
    sender: createEventSender({ ...common, stored: events, onFault, countNotice, watchLoss }),
  }
}
