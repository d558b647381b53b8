import type { ServerResponse } from 'node:http'
import type { Authority } from '@countermark/authority'
import type { Clock } from '@countermark/core'

/** Answers those who ask whether the process lives, and whether it can serve. */
export interface AuthorityHealth {
  /** `/healthz`: it lives. `/readyz`: its database answers. */
  readonly answer: (path: '/healthz' | '/readyz', response: ServerResponse) => Promise<void>
}

/** A stranger who asks again and again asks the database once in this time. */
const KEPT_MS = 1_000
const PATIENCE_MS = 2_000

/** Creates it. */
export function createHealth(authority: Authority, clock: Clock): AuthorityHealth {
  let asked: { readonly atMs: number; readonly isReady: Promise<boolean> } | undefined
  const findOut = (): Promise<boolean> => {
    const atMs = clock.monotonicMs()
    if (asked === undefined || atMs - asked.atMs >= KEPT_MS) asked = { atMs, isReady: isReachable(authority) }
    return asked.isReady
  }
  return {
    answer: async (path, response) => {
      const isGood = path === '/healthz' || (await findOut())
      const headers = { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }
      response.writeHead(isGood ? 200 : 503, headers).end(isGood ? 'ok\n' : 'not ready\n')
    },
  }
}

/** Signing keys are in the database, and what serves nothing without them. */
async function isReachable({ store }: Authority): Promise<boolean> {
  const { reads } = store.tables<{ readonly signing_keys: { readonly kid: string } }>()
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const late = new Promise<false>((resolve) => signal.addEventListener('abort', () => resolve(false)))
  const found = reads.selectFrom('signing_keys').select('kid').limit(1).execute()
  return Promise.race([found.then(() => true).catch(() => false), late])
}
