import { clearKeys, createSender, optionTable, type RedisClient, text } from '@countermark/core/internal'
import type { SecondLevel } from '@countermark/outbound'

/** Options of {@link redisSecondLevel}. */
export interface RedisSecondLevelOptions {
  /** Begins every key. @default 'countermark:keys:' */
  readonly prefix?: string
}

const OPTIONS = optionTable('redisSecondLevel', { prefix: text('countermark:keys:') })

/**
 * Shares fetched key documents between processes in Redis or Valkey, or a cluster of it. The client stays the application's own: it is
 * neither connected nor closed here. A client that may write to that server vouches for keys: guard it accordingly.
 * @example registry(url, { secondLevel: redisSecondLevel(new Redis()) })
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function redisSecondLevel(client: RedisClient, options: RedisSecondLevelOptions = {}): Required<SecondLevel> {
  const { prefix } = OPTIONS.read(options)
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
