import { registry } from '@countermark/keys'
import { memoryReplayStore, preventReplay, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { Redis } from 'ioredis'
import type { BackendConfig } from './backend-config.ts'

/** The two checks that both backends share: whose signature it is, and that it is used once. */
export function createChecks(config: BackendConfig) {
  const keys = registry(config.registryUrl, { allowHttp: true, allowPrivateAddresses: true })
  const store =
    config.redisPort === undefined
      ? memoryReplayStore()
      : redisReplayStore({ client: new Redis(config.redisPort, '127.0.0.1') })
  return [verifySignature({ keys }), preventReplay({ store })] as const
}
