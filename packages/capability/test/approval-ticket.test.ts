import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { type ApprovalRequest, approvalDigest } from '../src/approvals/approval-digest.ts'
import { type ApprovalTicket, signApprovalTicket, tryParseTicket } from '../src/approvals/approval-ticket.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const TICKET: ApprovalTicket = {
  issuer: 'https://approve.example.com',
  audience: 'https://api.example.com',
  agentId: 'agt_buyer',
  digest: 'x'.repeat(43),
  ticketId: 'ticket-0123456789',
  issuedAt: 1_767_225_600,
  expiresAt: 1_767_225_900,
}
const REQUEST: ApprovalRequest = {
  agentId: 'agt_buyer',
  subject: { issuer: 'https://login.example.com', id: 'user_123' },
  method: 'POST',
  url: 'https://api.example.com/refunds?x=1',
  contentType: 'application/json',
  body: Buffer.from('{"amount":100,"currency":"USD"}'),
}

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

function signed(header: unknown, claims: unknown): string {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}

const HEADER = { alg: 'Ed25519', typ: 'approval-ticket+jwt', kid: 'a1' }
const CLAIMS = {
  iss: TICKET.issuer,
  aud: TICKET.audience,
  sub: TICKET.agentId,
  iat: TICKET.issuedAt,
  exp: TICKET.expiresAt,
  jti: TICKET.ticketId,
  req: TICKET.digest,
}

describe('an approval ticket', () => {
  it('says what it was signed for, under the key of the approver', () => {
    const ticket = tryParseTicket(signApprovalTicket(TICKET, { key: privateKey, keyId: 'a1' }))
    expect(ticket).toMatchObject({ ...TICKET, keyId: 'a1' })
    const { signed: bytes = Buffer.alloc(0), signature = Buffer.alloc(0) } = ticket ?? {}
    expect(verify(null, bytes, createPublicKey(privateKey), signature)).toBe(true)
  })

  it('is a compact JWS with these members and no others', () => {
    expect(tryParseTicket(signed(HEADER, CLAIMS))).toMatchObject(TICKET)
  })

  it.each([
    ['another algorithm', { ...HEADER, alg: 'none' }, CLAIMS],
    ['the older name of the algorithm', { ...HEADER, alg: 'EdDSA' }, CLAIMS],
    ['another type', { ...HEADER, typ: 'JWT' }, CLAIMS],
    ['no type', { alg: 'Ed25519', kid: 'a1' }, CLAIMS],
    ['no key', { alg: 'Ed25519', typ: 'approval-ticket+jwt' }, CLAIMS],
    ['a key of its own', { ...HEADER, jwk: {} }, CLAIMS],
    ['crit', { ...HEADER, crit: [] }, CLAIMS],
    ['another claim', HEADER, { ...CLAIMS, scope: '*' }],
    ['several audiences', HEADER, { ...CLAIMS, aud: [TICKET.audience] }],
    ['an end that is text', HEADER, { ...CLAIMS, exp: '4000000000' }],
    ['an end that is no whole number', HEADER, { ...CLAIMS, exp: 1e300 }],
    ['a short id', HEADER, { ...CLAIMS, jti: 'short' }],
    ['a digest that is none', HEADER, { ...CLAIMS, req: '*' }],
    ['no agent', HEADER, { ...CLAIMS, sub: '' }],
    ['a claim twice', HEADER, `{"iss":"a",${JSON.stringify(CLAIMS).slice(1)}`],
    ['a list for claims', HEADER, []],
    ['null for a header', null, CLAIMS],
  ])('cannot have %s', (_what, header, claims) => {
    expect(tryParseTicket(signed(header, claims))).toBeUndefined()
  })

  it('has one spelling', () => {
    const text = signed(HEADER, CLAIMS)
    for (const other of [
      `${text}=`,
      `${text}\n`,
      ` ${text}`,
      `${text}.`,
      text.replace('.', '..'),
      text.replaceAll('.', '=.'),
    ]) {
      expect(tryParseTicket(other)).toBeUndefined()
    }
  })

  it('never makes the parser fail', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => tryParseTicket(text) === undefined))
  })

  it('is signed with a private Ed25519 key', () => {
    const keys = [createPublicKey(privateKey), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey]
    for (const key of keys) {
      expect(() => signApprovalTicket(TICKET, { key, keyId: 'a1' })).toThrow(
        expect.objectContaining({ code: 'ERR_KEY_MATERIAL' }),
      )
    }
  })
})

describe('what a ticket is for', () => {
  const digest = approvalDigest(REQUEST)

  it('is the request as it was sent', () => {
    expect(approvalDigest({ ...REQUEST })).toBe(digest)
    expect(digest).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })

  it.each<[string, Partial<ApprovalRequest>]>([
    ['agent', { agentId: 'agt_other' }],
    ['user', { subject: { issuer: 'https://login.example.com', id: 'user_124' } }],
    ['issuer', { subject: { issuer: 'https://other.example.com', id: 'user_123' } }],
    ['user: none', { subject: undefined }],
    ['method', { method: 'PUT' }],
    ['path', { url: 'https://api.example.com/refund?x=1' }],
    ['query', { url: 'https://api.example.com/refunds?x=2' }],
    ['host', { url: 'https://other.example.com/refunds?x=1' }],
    ['value', { body: Buffer.from('{"amount":101,"currency":"USD"}') }],
    ['type of a value', { body: Buffer.from('{"amount":"100","currency":"USD"}') }],
    ['name', { body: Buffer.from('{"Amount":100,"currency":"USD"}') }],
    ['body: none', { body: Buffer.alloc(0) }],
    ['type of the body', { contentType: 'text/plain' }],
    ['kind of JSON', { contentType: 'application/merge-patch+json' }],
    ['type of the body: none', { contentType: undefined }],
    ['encoding of the body', { contentEncoding: 'gzip' }],
  ])('is another with another %s', (_what, more) => {
    expect(approvalDigest({ ...REQUEST, ...more })).not.toBe(digest)
  })

  it('is the same however the JSON is laid out', () => {
    const body = Buffer.from('{\n  "currency": "\\u0055SD", "amount": 1.0e2 }')
    expect(approvalDigest({ ...REQUEST, body })).toBe(digest)
  })

  it.each([
    ['{"a":9007199254740993}', '{"a":9007199254740992}'],
    ['{"a":1e400}', '{"a":1e401}'],
    ['{"a":0.1}', '{"a":0.1000000000000000055}'],
    ['{"a":123456789012345678901234567890}', '{"a":123456789012345680000000000000}'],
    ['{"a":1}', '{"a":1.0000000000000000001}'],
    ['{"a":-9007199254740993}', '{"a":-9007199254740992}'],
  ])('tells numbers apart that a double does not: %s and %s', (one, other) => {
    const of = (text: string): string => approvalDigest({ ...REQUEST, body: Buffer.from(text) })
    expect(of(one)).not.toBe(of(other))
  })

  it.each([
    ['{"a":1}', '{"a":1.0}'],
    ['{"a":100}', '{"a":1E+2}'],
    ['{"a":0.5}', '{"a":5e-1}'],
    ['{"a":1e22}', '{"a":10000000000000000000000}'],
    ['{"a":0}', '{"a":0.00e7}'],
    ['{"a":"9007199254740993"}', '{ "a" : "9007199254740993" }'],
    ['{"a":"\\"1e999"}', '{"a": "\\"1e999"}'],
  ])('takes two spellings of one number for one: %s and %s', (one, other) => {
    const of = (text: string): string => approvalDigest({ ...REQUEST, body: Buffer.from(text) })
    expect(of(one)).toBe(of(other))
  })

  it('is every byte of what is no JSON, or of JSON that readers may disagree on', () => {
    for (const text of ['{"a":1,"a":2}', '{"a":"\\ud800"}', 'not json', '{"a":1} ']) {
      const of = (more: string): string => approvalDigest({ ...REQUEST, body: Buffer.from(text + more) })
      expect(text === '{"a":1} ' ? of('') === of(' ') : of('') !== of(' ')).toBe(true)
    }
  })
})
