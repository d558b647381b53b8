import { createServer, type RequestListener } from 'node:http'
import type { BackendConfig } from './backend-config.ts'
import type { createChecks } from './checks.ts'
import { followRevocations } from './revocation-feed.ts'

/** Listens once all revocations are known, says so to the demo, and ends with it. */
export async function serve(
  application: RequestListener,
  { port, issuer }: BackendConfig,
  { revocations }: ReturnType<typeof createChecks>,
): Promise<void> {
  await followRevocations(`${issuer.url}/revocations`, revocations)
  process.once('disconnect', () => process.exit())
  createServer(application).listen(port, '127.0.0.1', () => process.send?.('ready'))
}
