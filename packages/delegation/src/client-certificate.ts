import { hash, X509Certificate } from 'node:crypto'
import { type AgentRequest, decodeBase64, Misconfigured, requireKnownOptions } from '@countermark/core'
import { compileIpNetworks } from './ip-networks.ts'

/**
 * Where the client's certificate is seen: on the TLS connection, or in the field `Client-Cert` that a proxy writes
 * after it ended TLS (RFC 9440). The field counts only when the connection comes from one of `trustedProxies`, which must take it out of what
 * clients send.
 */
export type CertificateSource = 'connection' | { readonly trustedProxies: readonly string[] }

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
  requireKnownOptions('clientCertificate', source, ['trustedProxies'])
  const { trustedProxies } = source
  const proxies = Array.isArray(trustedProxies) ? compileIpNetworks(trustedProxies) : undefined
  if (proxies === undefined || trustedProxies.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'clientCertificate.trustedProxies must list networks such as 10.0.0.0/8',
    )
  }
  return ({ raw, headers }) => {
    // The peer itself, never an address that a field reports.
    const peer = connectionOf(raw)?.remoteAddress
    const value = headers.only('client-cert')
    if (peer === undefined || value === undefined || !proxies.contains(peer)) return undefined
    const der = readByteSequence(value)
    return der === undefined ? undefined : hash('sha256', der, 'base64url')
  }
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
