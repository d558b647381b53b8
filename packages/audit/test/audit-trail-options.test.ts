import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { thrownCode } from '../../../test/support/outcomes.ts'
import { type AuditTrailOptions, auditTrail, fileAnchor, fileSink } from '../src/index.ts'

const sink = fileSink({ path: '/nowhere/audit.ndjson' })
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const anchors = [fileAnchor({ path: '/nowhere/checkpoints' })]

describe('auditTrail', () => {
  it.each<[string, object, string]>([
    ['no sink', {}, 'ERR_OPTION_MISSING'],
    ['an empty list of sinks', { sinks: [] }, 'ERR_OPTION_MISSING'],
    ['a sink that appends nothing', { sinks: [{ name: 'x', durable: true }] }, 'ERR_OPTION_INVALID'],
    ['a sink without a name', { sinks: [{ append: async () => {}, durable: true }] }, 'ERR_OPTION_INVALID'],
    ['copies only', { sinks: [{ name: 'copy', durable: false, append: async () => {} }] }, 'ERR_OPTION_INVALID'],
    ['a misspelt option', { sinks: [sink], checkpoint: {} }, 'ERR_OPTION_UNKNOWN'],
    ['no room', { sinks: [sink], bufferRecords: 0 }, 'ERR_OPTION_INVALID'],
    ['no time', { sinks: [sink], deadlineMs: Number.NaN }, 'ERR_OPTION_INVALID'],
    ['a pattern for a parameter', { sinks: [sink], secretParameters: ['.*|'] }, 'ERR_OPTION_INVALID'],
    ['a field that cannot be', { sinks: [sink], intentHeader: 'agent intent' }, 'ERR_OPTION_INVALID'],
    ['a word for a function', { sinks: [sink], traceId: 'traceparent' }, 'ERR_OPTION_INVALID'],
    ['half a clock', { sinks: [sink], clock: { wallMs: () => 0 } }, 'ERR_OPTION_INVALID'],
    ['a public key to sign with', { sinks: [sink], checkpoints: { key: publicKey, anchors } }, 'ERR_OPTION_INVALID'],
    ['another kind of key', { sinks: [sink], checkpoints: { key: rsa, anchors } }, 'ERR_OPTION_INVALID'],
    ['no anchor', { sinks: [sink], checkpoints: { key: privateKey, anchors: [] } }, 'ERR_OPTION_MISSING'],
    [
      'checkpoints never',
      { sinks: [sink], checkpoints: { key: privateKey, anchors, everySeconds: 0 } },
      'ERR_OPTION_INVALID',
    ],
  ])('does not start with %s', (_what, options, code) => {
    expect(thrownCode(() => auditTrail(options as AuditTrailOptions))).toBe(code)
  })

  it('starts with a key from PEM', async () => {
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
    const trail = auditTrail({ sinks: [sink], checkpoints: { key: createPrivateKey(pem), anchors } })
    await expect(trail.close()).rejects.toMatchObject({ code: 'audit_unavailable' })
  })
})

describe('fileSink', () => {
  it.each<[string, object, string]>([
    ['no path', {}, 'ERR_OPTION_MISSING'],
    ['a folder', { path: '/var/log/' }, 'ERR_OPTION_MISSING'],
    ['another fsync', { path: 'a', fsync: 'always' }, 'ERR_OPTION_INVALID'],
    ['files for nothing', { path: 'a', maxBytes: 1 }, 'ERR_OPTION_INVALID'],
    ['a misspelt option', { path: 'a', rotate: true }, 'ERR_OPTION_UNKNOWN'],
  ])('does not start with %s', (_what, options, code) => {
    expect(thrownCode(() => fileSink(options as Parameters<typeof fileSink>[0]))).toBe(code)
  })
})
