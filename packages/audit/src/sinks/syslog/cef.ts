import { isIPv4, isIPv6 } from 'node:net'
import type { PlacedRecord } from '../../record/chain.ts'
import { type RecordFields, recordFields } from '../record-fields.ts'
import { HOSTILE, takeFitting } from './rfc5424.ts'

type Extension = readonly (readonly [key: string, value: string | number | undefined])[]

/** Vendor, product and version. The version is that of the mapping: it changes when a key changes its meaning. */
const DEVICE = 'countermark|countermark|1'

/** How grave, from 0 to 10. */
const SEVERITY = { allow: 1, observe: 4, deny: 6, outcome: 1, event: 3 } as const

const NAMES = {
  allow: 'Request allowed',
  observe: 'Request would be refused',
  deny: 'Request refused',
  outcome: 'Request ended',
} as const

/**
 * A record in the Common Event Format, revision 0: `CEF:0|vendor|product|version|class|name|severity|extension`.
 * docs/protocol/audit-sinks.md lists the keys. Those stay out that do not fit.
 */
export function writeCef(placed: PlacedRecord, maxBytes: number): string {
  const fields = recordFields(placed)
  const kind = fields.decision ?? (fields.type === 'outcome' ? 'outcome' : 'event')
  const name = kind === 'event' ? `Event ${fields.event ?? ''}` : NAMES[kind]
  const classId = fields.code ?? fields.event ?? (kind === 'allow' ? 'allowed' : kind)
  const header = [classId, name, String(SEVERITY[kind])].map(escapeHeader)
  const at = Date.parse(placed.record.at)
  const extension = [...time(at), ...identity(fields), ...request(fields), ...result(fields), ...custom(fields)]
  const head = `CEF:0|${DEVICE}|${header.join('|')}|`
  return `${head}${writeExtension(extension, maxBytes - Buffer.byteLength(head)).trimStart()}`
}

function time(atMs: number): Extension {
  return [['rt', Number.isNaN(atMs) ? undefined : atMs]]
}

function identity({ chain, seq, hash, id, user, agent, address = '' }: RecordFields): Extension {
  return [
    ['deviceExternalId', chain],
    ['externalId', id],
    ['cs6', hash],
    ['cs6Label', hash === undefined ? undefined : 'hash'],
    ['cn2', seq],
    ['cn2Label', 'seq'],
    ['suser', user],
    ['sourceServiceName', agent],
    ['src', isIPv4(address) ? address : undefined],
    ['c6a2', isIPv6(address) ? address : undefined],
    ['c6a2Label', isIPv6(address) ? 'Source IPv6 Address' : undefined],
  ]
}

function request({ method, authority, target, dataClass }: RecordFields): Extension {
  return [
    ['requestMethod', method],
    ['dhost', authority],
    ['request', target],
    ['cat', dataClass],
  ]
}

function result({ decision, status, reason, code }: RecordFields): Extension {
  const outcome = { allow: 'success', deny: 'failure', observe: 'success' } as const
  return [
    ['act', decision],
    ['outcome', decision === undefined ? undefined : outcome[decision]],
    ['reason', reason ?? code],
    ['cn1', status],
    ['cn1Label', status === undefined ? undefined : 'status'],
  ]
}

/** What else goes into the six texts and three numbers that the format leaves to each product. */
function custom(fields: RecordFields): Extension {
  const texts = [
    ['cs1', 'requestId', fields.requestId],
    ['cs2', 'route', fields.route],
    ['cs3', 'check', fields.check],
    ['cs4', 'capabilities', fields.capabilities],
    ['cs5', 'traceId', fields.traceId],
    ['cn3', 'durationMs', fields.durationMs === undefined ? undefined : Math.round(fields.durationMs)],
  ] as const
  return texts.flatMap(([key, label, value]): Extension => {
    return value === undefined
      ? []
      : [
          [key, value],
          [`${key}Label`, label],
        ]
  })
}

function writeExtension(extension: Extension, maxBytes: number): string {
  const pairs = extension
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => ` ${key}=${escapeValue(String(value))}`)
  return takeFitting(pairs, maxBytes).join('')
}

/** In the header a bar and a backslash take a backslash; a header has no line ends. */
function escapeHeader(text: string): string {
  return text.replace(/[\\|]/g, '\\$&').replace(HOSTILE, ' ')
}

/** In the extension an equals sign and a backslash take a backslash, and line ends are written as `\n` and `\r`. */
function escapeValue(text: string): string {
  return text.replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replace(HOSTILE, '\ufffd')
}
