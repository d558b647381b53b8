import { hash, X509Certificate } from 'node:crypto'
import { type AgentRequest, Misconfigured, requireKnownOptions } from '@countermark/core'
import { decodeBase64, tryParseNetworks } from '@countermark/core/internal'

/**
 * Where the client's certificate is seen: on the TLS connection, or in a field that a proxy writes after it ended TLS:
 * `Client-Cert` (RFC 9440), or `field`, such as `x-amzn-mtls-clientcert` (ALB) or `x-forwarded-client-cert` (Envoy). The field
 * counts only when the connection comes from one of `trustedProxies`, which must take it out of what clients send.
 */
export type CertificateSource =
  | 'connection'
  | {
      readonly trustedProxies: readonly string[]
      /** @default 'client-cert' */
      readonly field?: string
    }

/** SHA-256 of the client's certificate in DER, base64url (RFC 8705 section 3.1); `undefined` when there is none. */
export type FindCertificateHash = (request: AgentRequest) => string | undefined

/** What is used of the socket of node:http and node:https. */
interface Connection {
  readonly remoteAddress?: string
  readonly getPeerCertificate?: () => { readonly raw?: Uint8Array } | null
}

/**
 * Prepares the look-up for one guard.
 * @throws {@link Misconfigured}
 */
export function createCertificateHashes(source: CertificateSource): FindCertificateHash {
  return source === 'connection' ? fromConnection() : fromField(source)
}

function fromConnection(): FindCertificateHash {
  // Connections are kept alive, and reading a certificate costs more than many checks.
  const known = new WeakMap<object, string | undefined>()
  return ({ raw }) => {
    const connection = connectionOf(raw)
    if (connection === undefined) return undefined
    if (known.has(connection)) return known.get(connection)
    const der = connection.getPeerCertificate?.()?.raw
    const found = der === undefined ? undefined : hash('sha256', der, 'base64url')
    known.set(connection, found)
    return found
  }
}

function fromField(source: Exclude<CertificateSource, 'connection'>): FindCertificateHash {
  requireKnownOptions('clientCertificate', source, ['trustedProxies', 'field'])
  const { trustedProxies, field = 'client-cert' } = source
  const proxies = Array.isArray(trustedProxies) ? tryParseNetworks(trustedProxies) : undefined
  if (proxies === undefined || trustedProxies.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'clientCertificate.trustedProxies must list networks such as 10.0.0.0/8',
    )
  }
  if (typeof field !== 'string' || !/^[a-z0-9-]{1,64}$/.test(field)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'clientCertificate.field must be a field name in lower case')
  }
  return ({ raw, headers }) => {
    // The peer itself, never an address that a field reports.
    const peer = connectionOf(raw)?.remoteAddress
    const value = headers.only(field)
    if (peer === undefined || value === undefined || !proxies.contains(peer)) return undefined
    return value.length > MAX_FIELD ? undefined : readCertificateHash(value.trim())
  }
}

const MAX_FIELD = 32_768
const PEM = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/

/** Reads the first form that fits; `undefined` unless it holds exactly one certificate. */
function readCertificateHash(value: string): string | undefined {
  if (/(?:^|;)(?:By|Hash|Cert|Subject|URI)=/i.test(value)) return readForwardedHash(value)
  const der = readByteSequence(value) ?? readEscapedPem(value) ?? readBase64(value)
  return der === undefined ? undefined : hash('sha256', der, 'base64url')
}

/**
 * Envoy's `X-Forwarded-Client-Cert`: `Hash` is SHA-256 in hex. Several elements count as none: which one is the client's cannot
 * be told.
 */
function readForwardedHash(value: string): string | undefined {
  // What a subject says is its owner's word, and Envoy escapes the quotes in it.
  const unquoted = value.replace(/"(?:[^"\\]|\\.)*("?)/g, (_, end) => (end === '' ? '"' : ''))
  if (unquoted.includes(',') || unquoted.includes('"')) return undefined
  const hashes = [...unquoted.matchAll(/(?:^|;)Hash=([0-9a-f]{64})(?=;|$)/gi)]
  const [, hex] = hashes[0] ?? []
  return hex === undefined || hashes.length > 1 ? undefined : Buffer.from(hex, 'hex').toString('base64url')
}

/** nginx (`$ssl_client_escaped_cert`) and ALB: PEM, percent-encoded. */
function readEscapedPem(value: string): Uint8Array | undefined {
  try {
    const body = PEM.exec(decodeURIComponent(value))?.[1]
    return body === undefined ? undefined : readBase64(body.replaceAll(/\s/g, ''))
  } catch {
    return undefined // the only error is broken percent-encoding
  }
}

/** HAProxy (`ssl_c_der,base64`): DER in base64. */
function readBase64(value: string): Uint8Array | undefined {
  const der = decodeBase64(value)
  return der !== undefined && der.length > 0 && isCertificate(der) ? der : undefined
}

/** RFC 9440 section 2.2: one Byte Sequence that holds a certificate. */
function readByteSequence(value: string): Uint8Array | undefined {
  const text = value.trim()
  const der = /^:[^:]{1,16384}:$/.test(text) ? decodeBase64(text.slice(1, -1)) : undefined
  return der !== undefined && isCertificate(der) ? der : undefined
}

function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length === der.length
  } catch {
    // Not one: there is nothing to compare.
    return false
  }
}

function connectionOf(raw: object): Connection | undefined {
  const connection: unknown = 'socket' in raw ? raw.socket : undefined
  return typeof connection === 'object' && connection !== null ? connection : undefined
}
