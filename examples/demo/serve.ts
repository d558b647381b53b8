import { createServer, type RequestListener } from 'node:http'
import type { BackendConfig } from './backend-config.ts'
import type { createChecks } from './checks.ts'
import { followRevocations } from './revocation-feed.ts'
import type { Observation } from './seeing/observation.ts'

/** Listens once all revocations are known, says so to the demo, and ends with it. */
export async function serve(
  application: RequestListener,
  { port, issuer }: BackendConfig,
  { revocations, listen, trail }: Pick<ReturnType<typeof createChecks>, 'revocations'> & Observation,
): Promise<void> {
  await trail.ready()
  await listen()
  await followRevocations(`${issuer.url}/revocations`, revocations)
  process.once('disconnect', () => process.exit())
  createServer(application).listen(port, '127.0.0.1', () => process.send?.('ready'))
}
