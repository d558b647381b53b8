import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import type { CreateAdapterChecks } from '../../packages/testing/src/adapters/adapter-under-test.ts'

/** The checks of a guarded backend. The store remembers since long ago: what is under test here is not its fence. */
export const createSignatureChecks: CreateAdapterChecks = (keys) => ({
  verify: verifySignature({ keys }),
  once: preventReplay({ store: memoryReplayStore({ startedAt: 0 }) }),
})
