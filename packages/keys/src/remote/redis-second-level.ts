import { requireKnownOptions } from '@countermark/core'
import { clearKeys, createSender, type RedisClient } from '@countermark/core/internal'
import type { SecondLevel } from '@countermark/outbound'

/** Options of {@link redisSecondLevel}. */
export interface RedisSecondLevelOptions {
  /** Begins every key. @default 'countermark:keys:' */
  readonly prefix?: string
}

/**
 * Shares fetched key documents between processes in Redis or Valkey, or a cluster of it. The client stays the application's own: it is
 * neither connected nor closed here. Whoever may write to that server may vouch for keys, so guard it accordingly.
 * @example registry(url, { secondLevel: redisSecondLevel(new Redis()) })
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function redisSecondLevel(client: RedisClient, options: RedisSecondLevelOptions = {}): Required<SecondLevel> {
  requireKnownOptions('redisSecondLevel', options, ['prefix'])
  const { prefix = 'countermark:keys:' } = options
  const send = createSender('redisSecondLevel', client)
  return {
    get: async (key) => {
      const value = await send('GET', prefix + key)
      if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
      return typeof value === 'string' ? value : undefined
    },
    set: async (key, value, ttlMs) => {
      await send('SET', prefix + key, value, 'PX', String(Math.max(1, Math.ceil(ttlMs))))
    },
    clear: () => clearKeys('redisSecondLevel', client, prefix),
  }
}
