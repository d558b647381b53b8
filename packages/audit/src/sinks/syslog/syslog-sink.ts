import { hostname } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import { Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireObject, requireWord } from '@countermark/core/internal'
import type { PlacedRecord } from '../../record/chain.ts'
import { type CopySink, createCopySink } from '../serial-sink.ts'
import { writeCef } from './cef.ts'
import { type SyslogOrigin, syslogHeader, writeRfc5424 } from './rfc5424.ts'
import { streamTransport, udpTransport } from './syslog-transport.ts'

/** Options of {@link syslogSink}. */
export interface SyslogSinkOptions {
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

const OPTIONS: readonly (keyof SyslogSinkOptions)[] = [
  ...(['host', 'port', 'protocol', 'format', 'tls', 'facility', 'hostname', 'appName', 'maxBytes'] as const),
  'deadlineMs',
]
const PORTS = { udp: 514, tcp: 601, tls: 6514 } as const

/**
 * Sends records to a syslog receiver or a SIEM: RFC 5424 over TLS (RFC 5425), TCP (RFC 6587, octet counting) or UDP
 * (RFC 5426). Syslog confirms nothing, so it holds a copy at best.
 * @example
 * auditTrail({ sinks: [fileSink({ path }), syslogSink({ host: 'siem.example.com', format: 'cef' })] })
 */
export function syslogSink(options: SyslogSinkOptions): CopySink {
  requireKnownOptions('syslogSink', options, OPTIONS)
  const { protocol = 'tls', format = 'rfc5424' } = options
  requireWord('protocol', protocol, ['udp', 'tcp', 'tls'])
  requireWord('format', format, ['rfc5424', 'cef'])
  const maxBytes = requireNumber('maxBytes', options.maxBytes ?? (protocol === 'udp' ? 2048 : 65_536), {
    min: 1024,
    max: protocol === 'udp' ? 65_507 : 1_048_576,
  })
  const origin = readOrigin(options)
  const address = readAddress(options, PORTS[protocol])
  const tls = protocol === 'tls' ? readTls(options) : undefined
  const transport = protocol === 'udp' ? udpTransport(address) : streamTransport(address, tls)
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

function readOrigin({
  facility = 13,
  hostname: name = hostname(),
  appName = 'countermark',
}: SyslogSinkOptions): SyslogOrigin {
  requireNumber('facility', facility, { min: 0, max: 23 })
  if (typeof name !== 'string' || typeof appName !== 'string') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'syslogSink.hostname and appName must be texts')
  }
  return { hostname: name, appName, facility: Math.floor(facility), processId: String(process.pid) }
}

function readAddress(options: SyslogSinkOptions, defaultPort: number) {
  const { host, port = defaultPort } = options
  if (typeof host !== 'string' || host === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'syslogSink needs host, the name or address of the receiver')
  }
  requireNumber('port', port, { min: 1, max: 65_535 })
  return { host, port, deadlineMs: requireNumber('deadlineMs', options.deadlineMs ?? 5000, { min: 1, max: 60_000 }) }
}

/** A false receiver would read the audit trail. */
function readTls({ tls = {} }: SyslogSinkOptions): ConnectionOptions {
  requireObject('tls', tls)
  if (tls.rejectUnauthorized !== false) return { minVersion: 'TLSv1.2', ...tls }
  throw new Misconfigured('ERR_OPTION_INVALID', 'syslogSink.tls must verify the receiver; give its authority as ca')
}
