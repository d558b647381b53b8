import { createSealAtRest } from '../../src/signing-keys/sealed-key.ts'

const [OLD, NEW] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'))
const SECRET = Buffer.from('a private key')

describe('a seal for what lies in the database', () => {
  it('opens what an older version sealed, and seals with the first', () => {
    const before = createSealAtRest({ v1: String(OLD) }).seal('key-1', SECRET)
    const after = createSealAtRest({ v2: String(NEW), v1: String(OLD) })
    expect(after.open('key-1', before)).toEqual(SECRET)
    expect(after.seal('key-1', SECRET)).toMatch(/^v2\./)
  })

  it('seals the same secret differently each time', () => {
    const { seal } = createSealAtRest({ v1: String(OLD) })
    expect(seal('key-1', SECRET)).not.toBe(seal('key-1', SECRET))
  })

  it.each<[string, (sealed: string) => readonly [string, string]]>([
    ['under another name', (sealed) => ['key-2', sealed]],
    [
      'of which a byte was changed',
      (sealed) => ['key-1', `${sealed.slice(0, 30)}${sealed[30] === 'A' ? 'B' : 'A'}${sealed.slice(31)}`],
    ],
    ['that was cut', (sealed) => ['key-1', sealed.slice(0, 20)]],
    ['of a version that is not known', (sealed) => ['key-1', sealed.replace('v1.', 'v0.')]],
  ])('does not open a secret %s', (_, change) => {
    const { seal, open } = createSealAtRest({ v1: String(OLD) })
    expect(() => open(...change(seal('key-1', SECRET)))).toThrow(/unable to authenticate|was cut|lacks version v0/)
  })

  it.each([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { v1: 'short' }],
    ['ERR_OPTION_INVALID', { v1: undefined }],
    ['ERR_OPTION_INVALID', { 'v.1': OLD }],
  ])('does not start: %s', (code, keys) => {
    expect(() => createSealAtRest(keys as never)).toThrow(expect.objectContaining({ code }))
  })
})
