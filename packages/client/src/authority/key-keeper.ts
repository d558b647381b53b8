import { AgentFetchError } from '../agent-fetch-error.ts'
import { type AuthorityContext, type ListedKey, listKeys } from './authority-context.ts'
import type { AuthorityEvent } from './authority-event.ts'
import type { IdentityKey } from './identity-store.ts'
import { rotate } from './rotate.ts'

/** When keys are looked at, and replaced. */
export interface KeyKeeperOptions {
  readonly checkEveryMs: number
  /** Days; `undefined`: when the authority asks for it. */
  readonly rotateAfterDays: number | undefined
  /** Told which key signs from now on. */
  readonly use: (key: IdentityKey) => void
}

/** Looks after the key of an agent. */
export interface KeyKeeper {
  /**
   * Looks at it if it is time; what goes wrong is told as an event, and tried again. To be waited for where it was not looked at
   * for so long that another process may have replaced it, and it has ended.
   */
  readonly checkIfDue: (key: IdentityKey) => Promise<void> | undefined
  /** Looks at it now. @throws AgentFetchError */
  readonly check: (key: IdentityKey) => Promise<void>
}

const DAY_MS = 86_400_000
const RETRY_MS = 300_000
const LONG_MS = 21_600_000

/** Creates it. One look at a time, however many ask. */
export function createKeyKeeper(context: AuthorityContext, options: KeyKeeperOptions): KeyKeeper {
  const { clock, tell } = context
  const { checkEveryMs } = options
  let dueMs: number | undefined
  let flight: Promise<void> | undefined
  const check = (key: IdentityKey): Promise<void> => {
    dueMs = clock.monotonicMs() + Math.min(RETRY_MS, checkEveryMs)
    flight ??= look(context, key, options)
      .then(() => {
        // Not all processes of an agent at once.
        dueMs = clock.monotonicMs() + checkEveryMs * (0.9 + Math.random() / 5)
      })
      .finally(() => {
        flight = undefined
      })
    return flight
  }
  return {
    check,
    checkIfDue: (key) => {
      const nowMs = clock.monotonicMs()
      // Nothing is known of looks by processes before this one: a key that is old by then is looked at before it signs.
      dueMs ??= nowMs + checkEveryMs - Math.max(0, clock.wallMs() - key.createdAt)
      if (nowMs < dueMs) return undefined
      const isLate = nowMs - dueMs >= LONG_MS
      const checked = check(key).catch((error: unknown) => tell({ type: 'key_check_failed', keyId: key.keyId, error }))
      return isLate ? checked : undefined
    },
  }
}

async function look(context: AuthorityContext, signing: IdentityKey, options: KeyKeeperOptions): Promise<void> {
  const { store, tell } = context
  const { key = signing, next } = (await store.read())?.identity ?? {}
  // Another process may have replaced it.
  if (key.keyId !== signing.keyId) options.use(key)
  const known = (await listKeys(context, key))?.find(({ id }) => id === key.keyId)
  if (known === undefined && next === undefined) {
    throw new AgentFetchError(
      'enrolment_refused',
      'the key does not count at the authority: it has ended, or the agent is suspended',
    )
  }
  const reason = next === undefined ? reasonToRotate(context, key, known, options) : 'ending'
  if (reason !== undefined) options.use(await rotate(context, key.keyId, reason))
  else if (known?.age === 'warn') tell({ type: 'key_warning', keyId: key.keyId, notAfter: known.notAfter })
}

type Reason = Extract<AuthorityEvent, { readonly type: 'key_rotated' }>['reason']

function reasonToRotate(
  { clock }: AuthorityContext,
  { createdAt }: IdentityKey,
  known: ListedKey | undefined,
  { rotateAfterDays }: KeyKeeperOptions,
): Reason | undefined {
  if (known?.age === 'rotate' || known?.age === 'refuse' || known?.state === 'retiring') return 'ending'
  const isOld = rotateAfterDays !== undefined && clock.wallMs() - createdAt >= rotateAfterDays * DAY_MS
  return isOld ? 'schedule' : undefined
}
