import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KeySource } from '@countermark/core'
import type { RiskCheck } from '@countermark/risk'
import type { RiskAlerts } from '@countermark/risk/alerts'

/** What both applications are made of. */
export interface AppParts {
  /** Where the application is called; known once it listens. */
  readonly origin: () => string
  readonly keys: KeySource
  readonly risk: RiskCheck
  readonly alerts: RiskAlerts
}

/** Makes an application. */
export type CreateApp = (parts: AppParts) => RequestListener

/** Something that listens on a free port. */
export interface Listening {
  readonly origin: string
  readonly close: () => Promise<void>
}

/** Listens on a free port of this machine. */
export async function listen(create: (origin: () => string) => RequestListener): Promise<Listening> {
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const server = createServer(create(() => origin()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { origin: origin(), close }
}
