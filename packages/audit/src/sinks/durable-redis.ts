import { Misconfigured } from '@countermark/core'
import type { SendCommand } from '@countermark/core/internal'

/**
 * Refuses a server that answers before its disk has what it was told. A server that tells nothing of its settings, as managed
 * ones do, is believed.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export async function requireDurableRedis(send: SendCommand): Promise<void> {
  await send('PING')
  const told = await Promise.all(['appendonly', 'appendfsync'].map((name) => readSetting(send, name)))
  const isHeld = told[0] !== 'no' && (told[1] === undefined || told[1] === 'always')
  if (isHeld) return
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'this Redis answers before its disk has the record; set appendonly yes and appendfsync always, or leave durable out',
  )
}

async function readSetting(send: SendCommand, name: string): Promise<unknown> {
  const answer = await send('CONFIG', 'GET', name).catch(() => undefined)
  return Array.isArray(answer) ? answer[1] : undefined
}
