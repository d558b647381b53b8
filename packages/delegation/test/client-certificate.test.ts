import { hash, X509Certificate } from 'node:crypto'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createHeaderFields, isRefusal } from '@countermark/core'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { createSelfSigned } from '../../outbound/test/self-signed.ts'
import type { CertificateSource } from '../src/binding/mtls.ts'
import { verifyDelegation } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { AUDIENCE } from './token-issuer.ts'

const { issuer } = useOneIssuer()
const client = createSelfSigned()
const stranger = createSelfSigned()
const der = new X509Certificate(client.cert).raw
const certificateHash = hash('sha256', der, 'base64url')

function verifierOf(clientCertificate?: CertificateSource): ReturnType<typeof verifyDelegation> {
  const options = { issuers: [issuer().options()], audience: AUDIENCE }
  return verifyDelegation(clientCertificate === undefined ? options : { ...options, clientCertificate })
}

async function outcome(
  check: ReturnType<typeof verifyDelegation>,
  raw: object,
  lines: readonly (readonly [string, string])[],
): Promise<string> {
  try {
    const { agent } = await check(aRequest({ headerLines: lines, raw }), {}, createTestEnvironment())
    return `${agent.level} ${agent.scheme}`
  } catch (error) {
    return isRefusal(error) ? error.code : String(error)
  }
}

describe('a token bound to a client certificate', () => {
  /** Presents the token over TLS, with or without a certificate. */
  async function present(certificate: typeof client | undefined): Promise<string> {
    const check = verifierOf()
    const token = await issuer().mint({ cnf: { 'x5t#S256': certificateHash } })
    const server = createServer({ ...createSelfSigned(), requestCert: true, rejectUnauthorized: false }, (req, res) => {
      const lines = createHeaderFields(req.rawHeaders).lines('authorization')
      void outcome(check, req, [['Authorization', lines[0] ?? '']]).then((text) => res.end(text))
    })
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    const { port } = server.address() as AddressInfo
    const headers = { authorization: `Bearer ${token}` }
    try {
      return await new Promise((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', rejectUnauthorized: false, headers, ...certificate })
        sent.on('response', (response) => void response.toArray().then((chunks) => resolve(chunks.join(''))))
        sent.on('error', reject)
        sent.end()
      })
    } finally {
      server.close()
    }
  }

  it('counts on a connection that shows it', async () => expect(await present(client)).toBe('bound mtls'))

  it.each([
    ['another certificate', stranger],
    ['none', undefined],
  ])('is refused on a connection that shows %s', async (_what, certificate) => {
    expect(await present(certificate)).toBe('token_binding_mismatch')
  })
})

describe('a certificate that a proxy reports', () => {
  const trustedProxies = ['10.0.0.0/8']
  const field = `:${der.toString('base64')}:`

  async function present(value: string, peer: string, source: CertificateSource = { trustedProxies }): Promise<string> {
    const token = await issuer().mint({ cnf: { 'x5t#S256': certificateHash } })
    const lines = [['Authorization', `Bearer ${token}`] as const, ['Client-Cert', value] as const]
    return outcome(verifierOf(source), { socket: { remoteAddress: peer } }, lines)
  }

  it('counts when the proxy is trusted', async () => {
    expect(await present(field, '10.1.2.3')).toBe('bound mtls')
    expect(await present(field, '::ffff:10.1.2.3')).toBe('bound mtls')
  })

  it('is nothing but a claim when the sender is no trusted proxy', async () => {
    expect(await present(field, '192.0.2.7')).toBe('token_binding_mismatch')
    expect(await present(field, '10.1.2.3', 'connection')).toBe('token_binding_mismatch')
  })

  const pem = client.cert.toString()
  const hex = hash('sha256', der, 'hex')
  const forms = { trustedProxies, field: 'x-forwarded-client-cert' }

  it.each([
    ['nginx: $ssl_client_escaped_cert', encodeURIComponent(pem)],
    ['ALB: some characters as they are', encodeURIComponent(pem).replace(/%2[BF]|%3D/g, decodeURIComponent)],
    ['HAProxy: ssl_c_der,base64', der.toString('base64')],
    ['Envoy: a quote in a name', String.raw`Hash=${hex};Subject="CN=\"a\", O=b;c"`],
    ['Envoy', `By=spiffe://a/b;Hash=${hex};Cert="${encodeURIComponent(pem)}";Subject="CN=a";URI=`],
  ])('counts as proxies write it: %s', async (_name, value) => {
    expect(await present(value, '10.1.2.3')).toBe('bound mtls')
    expect(await present(value, '192.0.2.7')).toBe('token_binding_mismatch')
  })

  it('may stand in another field', async () => {
    expect(await present(field, '10.1.2.3', forms)).toBe('token_binding_mismatch')
  })

  it.each([
    ['a hash inside of a quoted subject', `Subject="CN=x;Hash=${hex};"`],
    ['a hash behind an escaped quote', String.raw`Subject="CN=x\";Hash=${hex};x=\""`],
    ['a quote that is only escaped', String.raw`Hash=${hex};Subject="\"`],
    ['two hashes', `Hash=${'0'.repeat(64)};Hash=${hex}`],
    ['two elements', `Hash=${hex},Hash=${hex}`],
    ['a quote that does not end', `Hash=${hex};Subject="`],
    ['a hash that is too short', `Hash=${hex.slice(1)}`],
    ['two certificates', encodeURIComponent(pem + pem)],
    ['text around the certificate', encodeURIComponent(`x${pem}`)],
    ['broken percent-encoding', `${encodeURIComponent(pem)}%`],
    ['a certificate and more', Buffer.concat([der, der]).toString('base64')],
  ])('is not read from %s', async (_name, value) => {
    expect(await present(value, '10.1.2.3')).toBe('token_binding_mismatch')
  })

  it.each([':AAAA:', '::', `${field}, ${field}`, `:${'A'.repeat(20_000)}:`])(
    'must be one certificate in a byte sequence: %#',
    async (value) => expect(await present(value, '10.1.2.3')).toBe('token_binding_mismatch'),
  )

  it('needs networks that are networks', () => {
    for (const wrong of [[], ['10.0.0.0/33'], ['proxy.internal'], ['10.0.0.1:80']]) {
      expect(() => verifierOf({ trustedProxies: wrong })).toThrow('trustedProxies')
    }
  })
})
