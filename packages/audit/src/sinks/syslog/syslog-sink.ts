import { hostname } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import { Misconfigured, requireNumber } from '@countermark/core'
import { custom, number, optionTable, requireObject, word } from '@countermark/core/internal'
import type { PlacedRecord } from '../../record/chain.ts'
import { type CopySink, createCopySink } from '../sink.ts'
import { writeCef } from './cef.ts'
import { syslogHeader, writeRfc5424 } from './rfc5424.ts'
import { streamTransport, udpTransport } from './syslog-transport.ts'

/** Options of {@link syslogSink}. */
export interface SyslogSinkOptions {
  /** Name or address of the syslog server. */
  readonly host: string
  /** @default 514 for UDP, 601 for TCP, 6514 for TLS */
  readonly port?: number
  /** `udp` may lose, double and reorder; `tcp` and `udp` travel in the clear. @default 'tls' */
  readonly protocol?: 'udp' | 'tcp' | 'tls'
  /** Structured data with the line, or the Common Event Format. @default 'rfc5424' */
  readonly format?: 'rfc5424' | 'cef'
  /** For `tls`: `ca`, `cert`, `key` and what else Node takes. @default the certificate authorities of Node */
  readonly tls?: ConnectionOptions
  /** RFC 5424 section 6.2.1. @default 13, log audit */
  readonly facility?: number
  /** @default the name of this machine */
  readonly hostname?: string
  /** @default 'countermark' */
  readonly appName?: string
  /** Longest message; a line that does not fit is left out of it. @default 2048 for UDP, 65_536 otherwise */
  readonly maxBytes?: number
  /** How long connecting and writing may take at most. @default 5000 */
  readonly deadlineMs?: number
}

const OPTIONS = optionTable('syslogSink', {
  host: custom((_, host) => {
    if (typeof host === 'string' && host !== '') return host
    throw new Misconfigured('ERR_OPTION_MISSING', 'syslogSink needs host, the name or address of the receiver')
  }),
  port: number({ min: 1, max: 65_535 }),
  protocol: word(['udp', 'tcp', 'tls'], 'tls'),
  format: word(['rfc5424', 'cef'], 'rfc5424'),
  tls: custom((name, given = {}) => readTls(name, given as ConnectionOptions)),
  facility: number({ min: 0, max: 23, default: 13 }),
  hostname: custom((name, given = hostname()) => requireText(name, given)),
  appName: custom((name, given = 'countermark') => requireText(name, given)),
  maxBytes: number({ min: 1024, max: 1_048_576 }),
  deadlineMs: number({ min: 1, max: 60_000, default: 5000 }),
})

/** By protocol; a UDP datagram over IPv4 takes at most 65,507 bytes. */
const TRANSPORTS = {
  udp: { port: 514, maxBytes: 2048, limit: 65_507 },
  tcp: { port: 601, maxBytes: 65_536, limit: 1_048_576 },
  tls: { port: 6514, maxBytes: 65_536, limit: 1_048_576 },
} as const

/**
 * Sends records to a syslog receiver or a SIEM: RFC 5424 over TLS (RFC 5425), TCP (RFC 6587, octet counting) or UDP
 * (RFC 5426). Syslog confirms nothing, so it holds a copy at best.
 * @example
 * auditTrail({ sinks: [fileSink({ path }), syslogSink({ host: 'siem.example.com', format: 'cef' })] })
 */
export function syslogSink(options: SyslogSinkOptions): CopySink {
  const { appName, deadlineMs, facility, format, host, protocol, tls, ...given } = OPTIONS.read(options)
  const transports = TRANSPORTS[protocol]
  const { limit: max } = transports
  const maxBytes = requireNumber('maxBytes', given.maxBytes ?? transports.maxBytes, { min: 1024, max })
  const origin = { appName, facility: Math.floor(facility), hostname: given.hostname, processId: String(process.pid) }
  const address = { host, port: given.port ?? transports.port, deadlineMs }
  const transport =
    protocol === 'udp' ? udpTransport(address) : streamTransport(address, protocol === 'tls' ? tls : undefined)
  const write = (placed: PlacedRecord): Buffer => {
    if (format === 'rfc5424') return Buffer.from(writeRfc5424(placed, origin, maxBytes))
    const head = `${syslogHeader(placed.record, origin)} - `
    return Buffer.from(head + writeCef(placed, maxBytes - head.length))
  }
  return createCopySink({
    name: 'syslog',
    write: (records) => transport.send(records.map(write)),
    close: transport.close,
  })
}

/** An empty one is written as RFC 5424 section 6 writes none. */
function requireText(name: string, given: unknown): string {
  if (typeof given === 'string') return given
  throw new Misconfigured('ERR_OPTION_INVALID', `syslogSink.${name} must be a text`)
}

/** A false receiver would read the audit trail. */
function readTls(name: string, tls: ConnectionOptions): ConnectionOptions {
  requireObject(name, tls)
  if (tls.rejectUnauthorized !== false) return { minVersion: 'TLSv1.2', ...tls }
  throw new Misconfigured('ERR_OPTION_INVALID', 'syslogSink.tls must verify the receiver; give its authority as ca')
}
