import { createAcceptSignature, parseAcceptSignature, type RequestedSignature } from '../../src/index.ts'

const REQUESTED: RequestedSignature = {
  label: 'sig1',
  components: ['@method', 'content-digest', 'signature-agent;key="a"'],
  created: true,
  expires: true,
  nonce: 'n"1',
  tag: 'agent-auth',
}

describe('createAcceptSignature', () => {
  it('writes what RFC 9421 section 5.1 shows', () => {
    expect(createAcceptSignature(REQUESTED)).toBe(
      'sig1=("@method" "content-digest" "signature-agent";key="a");created;expires;nonce="n\\"1";tag="agent-auth"',
    )
  })

  it.each([{ label: 'Sig' }, { nonce: 'a\nb' }, { components: ['a"b'] }])('does not write %p', (change) => {
    expect(() => createAcceptSignature({ ...REQUESTED, ...change })).toThrow(
      expect.objectContaining({ code: 'signature_malformed' }),
    )
  })
})

describe('parseAcceptSignature', () => {
  it('reads what it writes', () => {
    expect(parseAcceptSignature([createAcceptSignature(REQUESTED)])).toEqual([REQUESTED])
  })

  it('reads the example of the RFC', () => {
    const line =
      'sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control");keyid="test-key-rsa-pss";created;tag="app-123"'
    expect(parseAcceptSignature([line])).toEqual([
      {
        label: 'sig1',
        components: ['@method', '@target-uri', '@authority', 'content-digest', 'cache-control'],
        created: true,
        expires: false,
        keyid: 'test-key-rsa-pss',
        tag: 'app-123',
      },
    ])
  })

  it.each([['sig1=("@method");nonce=5'], ['sig1'], ['sig1=("@method" "@method")'], ['sig1=("@method"), sig1=()']])(
    'refuses %s',
    (line) => {
      expect(() => parseAcceptSignature([line])).toThrow(expect.objectContaining({ code: 'signature_malformed' }))
    },
  )
})
