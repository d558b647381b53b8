import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { sealOf } from '../../src/internal/seal.ts'

describe('sealOf', () => {
  it('is the first half of HMAC-SHA256, whatever the length of the secret', () => {
    const [secrets, data] = [fc.uint8Array({ maxLength: 130 }), fc.uint8Array({ maxLength: 38 })]
    const label = fc.constantFrom('', 'countermark nonce', 'countermark-challenge-v1\n')
    fc.assert(
      fc.property(secrets, label, data, (secret, name, bytes) => {
        const mac = createHmac('sha256', secret).update(name).update(bytes)
        return sealOf(secret, name, bytes) === mac.digest('binary').slice(0, 16)
      }),
      { numRuns: 1000 },
    )
  })
})
