import type { StoredTables } from '../storage/store.ts'
import type { RegistryTables } from './registry-tables.ts'

/** When a key was last seen. */
export interface KeyUse {
  readonly thumbprint: string
  /** Unix milliseconds. */
  readonly usedAt: number
}

/** Writes down when keys were used last; an earlier time than the known one changes nothing. Answers how many were news. */
export function noteKeyUses(
  { transaction }: StoredTables<RegistryTables>,
  uses: readonly KeyUse[],
  nowMs: number,
): Promise<number> {
  return transaction('key-uses', async (tables) => {
    let news = 0
    for (const { thumbprint, usedAt } of uses) {
      const at = Math.min(usedAt, nowMs)
      const update = tables.updateTable('agent_keys').set({ last_used_at: at }).where('thumbprint', '=', thumbprint)
      const later = update.where((key) => key.or([key('last_used_at', 'is', null), key('last_used_at', '<', at)]))
      news += Number((await later.executeTakeFirst()).numUpdatedRows)
    }
    return news
  })
}

const EVERY_MS = 3_600_000
const MOST_REMEMBERED = 10_000

/** Remembers which keys were noted this hour, so that a busy caller costs no write for each request. */
export function createUseFilter(): (thumbprint: string, nowMs: number) => boolean {
  const noted = new Map<string, number>()
  return (thumbprint, nowMs) => {
    if (nowMs - (noted.get(thumbprint) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return false
    if (noted.size >= MOST_REMEMBERED) noted.clear()
    noted.set(thumbprint, nowMs)
    return true
  }
}
