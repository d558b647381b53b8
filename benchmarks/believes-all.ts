import type { SignatureVerifier } from '@countermark/core'

/** Leaves verification out, so that what remains is ours. Tokens that are new are verified all the same: by another library. */
export const believesAll: SignatureVerifier = {
  name: 'believes-all',
  verify: () => true,
  verifyInThreadPool: async () => true,
}
