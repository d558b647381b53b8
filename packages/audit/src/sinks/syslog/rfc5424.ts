import type { AuditRecord } from '../../record/audit-record.ts'
import type { PlacedRecord } from '../../record/chain.ts'
import { recordFields } from '../record-fields.ts'

/** The sender, as each message names it. */
export interface SyslogOrigin {
  readonly hostname: string
  readonly appName: string
  readonly processId: string
  readonly facility: number
}

/** RFC 5424 section 6.2.1. */
const SEVERITY = { warning: 4, notice: 5, informational: 6 } as const

/**
 * RFC 5424 section 7: a name with the private enterprise number that RFC 5612 sets aside for documentation, since this project
 * has none of its own.
 */
const ELEMENT = 'countermark@32473'

/** `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID`, of RFC 5424 section 6.2. */
export function syslogHeader(record: AuditRecord, origin: SyslogOrigin): string {
  const { facility, hostname, appName, processId } = origin
  const names = [printable(hostname, 255), printable(appName, 48), printable(processId, 128), record.type]
  return `<${facility * 8 + severityOf(record)}>1 ${record.at} ${names.join(' ')}`
}

/**
 * One record with its fields as structured data and its line as the message. What does not fit stays out, the line first, and
 * `truncated` tells: chain, place and hash are always there.
 */
export function writeRfc5424(placed: PlacedRecord, origin: SyslogOrigin, maxBytes: number): string {
  const parameters = Object.entries(recordFields(placed))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeParameter(String(value))}"`)
  const head = `${syslogHeader(placed.record, origin)} [${ELEMENT}`
  const message = `${head}${parameters.join('')}] ${placed.line}`
  if (Buffer.byteLength(message) <= maxBytes) return message
  const tail = ' truncated="line"]'
  return head + takeFitting(parameters, maxBytes - Buffer.byteLength(head + tail)).join('') + tail
}

/** The first parts, and each later one that fits into so many bytes with them. */
export function takeFitting(parts: readonly string[], maxBytes: number): readonly string[] {
  let left = maxBytes
  return parts.filter((part) => {
    const bytes = Buffer.byteLength(part)
    if (bytes > left) return false
    left -= bytes
    return true
  })
}

function severityOf(record: AuditRecord): number {
  if (record.type !== 'decision') return SEVERITY.informational
  if (record.decision === 'deny') return SEVERITY.warning
  return record.decision === 'observe' ? SEVERITY.notice : SEVERITY.informational
}

/** Section 6.3.3: these three take a backslash. What would act on a terminal becomes U+FFFD. */
function escapeParameter(value: string): string {
  return value.replace(/[\\"\]]/g, '\\$&').replace(HOSTILE, '\ufffd')
}

/** Controls, line ends, and what turns the direction of text around. */
export const HOSTILE: RegExp = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** PRINTUSASCII of section 6: anything else becomes `_`, nothing at all `-`. */
function printable(text: string, max: number): string {
  return text.replace(/[^\x21-\x7e]/g, '_').slice(0, max) || '-'
}
