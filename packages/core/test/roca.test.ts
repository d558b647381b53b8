import { generateKeyPairSync } from 'node:crypto'
import { isRocaModulus } from '../src/keys/rsa.ts'

describe('the fingerprint of factorable RSA keys', () => {
  it('shows in whatever is built from powers of 65537', () => {
    expect(isRocaModulus(65_537n ** 128n)).toBe(true)
  })

  it('does not show in an honest key', () => {
    const { n = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
    expect(isRocaModulus(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))).toBe(false)
  })
})
