import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createTestAgent } from '@countermark/testing'
import { toPlainRequest } from '../src/agent/request-to-sign.ts'
import { buildSignatureBase, readComponent, serializeIdentifier } from '../src/agent/signature-base.ts'

interface Message {
  readonly type: string
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

interface Case<Input, Expected> {
  readonly name: string
  readonly input: Input
  readonly expected: Expected
}

const FOLDER = resolve(__dirname, '../../../../shared/conformance/http-signature')

function load<Input, Expected>(file: string): readonly Case<Input, Expected>[] {
  if (!existsSync(FOLDER)) {
    process.stderr.write(`passed over: the vectors of ${file} are not here\n`)
    return []
  }
  return JSON.parse(readFileSync(resolve(FOLDER, file), 'utf8')).cases
}

function plainRequest(message: Message): ReturnType<typeof toPlainRequest> {
  const authority = message.headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? ''
  return toPlainRequest({ ...message, url: `${message.scheme}://${authority}${message.target}` })
}

describe('readComponent', () => {
  it('cuts and joins as RFC 9421 section 2 says', () => {
    const request = toPlainRequest({
      url: 'http://Example.COM:80/a%2Fb//c?q=1&%66oo=b+r',
      headers: [
        ['X-List', ' a '],
        ['x-list', 'b'],
        ['Dict', 'a=1, b=(c d);x, c;y=2'],
      ],
    })
    const read = (identifier: string): string => readComponent(identifier, request)
    expect(read('@target-uri')).toBe('http://example.com/a%2Fb//c?q=1&%66oo=b+r')
    expect(read('@path')).toBe('/a%2Fb//c')
    expect(read('@query-param;name="foo"')).toBe('b%20r')
    expect(read('x-list')).toBe('a, b')
    expect(read('x-list;bs')).toBe(':YQ==:, :Yg==:')
    expect([read('dict;key="b"'), read('dict;key="c"')]).toEqual(['(c d);x', '?1;y=2'])
  })

  it.each(['@unknown', 'absent', '@query-param;name="none"', 'dict;key="z"', 'dict;sf'])(
    'does not make up %s',
    (identifier) => {
      const request = toPlainRequest({ headers: { Dict: 'a=1' } })
      expect(() => readComponent(identifier, request)).toThrow(TypeError)
    },
  )
})

describe('the vectors of RFC 9421', () => {
  const components = load<{ message: Message; component: string }, { line?: string; error?: string }>('components.json')
  const known = components.filter(
    ({ input, expected }) =>
      input.message.type === 'request' &&
      expected.line !== undefined &&
      !/;(sf|tr)|^"@request-target"/.test(input.component),
  )

  it('give the same line for every component of a request that the agent can cover', () => {
    const lines = known.map(({ input }) => {
      const identifier = input.component.replace(/^"([^"]*)"/, '$1')
      return `${serializeIdentifier(identifier)}: ${readComponent(identifier, plainRequest(input.message))}`
    })
    expect(lines).toEqual(known.map(({ expected }) => expected.line))
    expect(lines.length).toBeGreaterThan(components.length > 0 ? 20 : -1)
  })

  it('give the same base for every request of appendix B.2', () => {
    const requests = load<{ message: Message; label: string }, { signature_base: string }>('rfc9421-b2.json').filter(
      ({ input }) => input.message.type === 'request',
    )
    const bases = requests.map(({ input }) => {
      const field = input.message.headers.find(([name]) => name === 'Signature-Input')?.[1] ?? ''
      const parameters = field.slice(input.label.length + 1)
      const listed = /^\((.*?)\);created/.exec(parameters)?.[1] ?? ''
      const identifiers = (listed.match(/\S+/g) ?? []).map((text) => text.replace(/^"([^"]*)"/, '$1'))
      return buildSignatureBase(identifiers, parameters, plainRequest(input.message))
    })
    expect(bases).toEqual(requests.map(({ expected }) => expected.signature_base))
  })

  it('give the published signature of B.2.6', async () => {
    const agent = await createTestAgent({
      agentId: 'rfc9421',
      keyId: 'test-key-ed25519',
      privateJwk: {
        kty: 'OKP',
        crv: 'Ed25519',
        d: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU',
        x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
      },
    })
    const signed = await agent.signRequest({
      url: 'https://example.com/foo?param=Value&Pet=dog',
      method: 'POST',
      headers: [
        ['Date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['Content-Type', 'application/json'],
        ['Content-Length', '18'],
      ],
      components: ['date', '@method', '@path', '@authority', 'content-type', 'content-length'],
      created: 1618884473,
      expires: null,
      nonce: null,
      tag: null,
      label: 'sig-b26',
    })
    expect(signed.headers['Signature']).toBe(
      'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
    )
  })
})
