import type { DecisionRecord } from '../src/record/audit-record.ts'
import { writeCef } from '../src/sinks/syslog/cef.ts'
import { type PlacedRecord, syslogSink } from '../src/sinks.ts'
import { sealedRecords } from './sealed-records.ts'
import { parseSyslog, receiveStream } from './syslog-receiver.ts'

/** Reads an event by the rules of the format: bars and equals signs count unless a backslash stands before them. */
function parseCef(text: string): {
  readonly header: readonly string[]
  readonly extension: Readonly<Record<string, string>>
} {
  const parts = text.split(/(?<!\\)(?:\\\\)*\|/)
  const extension = parts.slice(7).join('|')
  const pairs = [...extension.matchAll(/(?:^| )([A-Za-z0-9]+)=((?:[^=\\]|\\.)*?)(?= [A-Za-z0-9]+=|$)/gs)]
  const unescaped = (value: string): string =>
    value.replace(/\\([\\=nr])/g, (_, character: string) => ({ n: '\n', r: '\r' })[character] ?? character)
  return {
    header: parts.slice(0, 7),
    extension: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, unescaped(value)])),
  }
}

function placed(
  change: (record: DecisionRecord) => DecisionRecord,
  values?: Readonly<Record<string, string>>,
): PlacedRecord {
  const [record] = sealedRecords({ chain: 'c', count: 1, change, ...(values === undefined ? {} : { values }) })
  if (record === undefined) throw new Error('one record is made')
  return record
}

describe('a record as CEF', () => {
  it('is one stable line', () => {
    const { hash: _hash, ...record } = {
      hash: '',
      ...placed((decision) => decision, { user: 'user_7', address: '192.0.2.7', target: '/refunds/1?a=b' }),
    }
    expect(writeCef({ ...record, chain: 'c' }, 4096)).toBe(
      'CEF:0|countermark|countermark|1|allowed|Request allowed|1|rt=1767225600000 deviceExternalId=c externalId=c-1 cn2=1 ' +
        'cn2Label=seq suser=user_7 sourceServiceName=agt_assistant src=192.0.2.7 requestMethod=POST dhost=api.example.com ' +
        'request=/refunds/1?a\\=b act=allow outcome=success cs1=req_c-1 cs1Label=requestId cs2=/refunds/:id cs2Label=route ' +
        'cs3=requireCapability cs3Label=check cs4=refunds:create cs4Label=capabilities',
    )
  })

  it('names a refusal by its code, and is as grave', () => {
    const refused = placed((record) => ({
      ...record,
      decision: 'deny',
      code: 'replay_detected',
      status: 401,
      reason: 'seen before',
    }))
    const { header, extension } = parseCef(writeCef(refused, 4096))
    expect(header).toEqual(['CEF:0', 'countermark', 'countermark', '1', 'replay_detected', 'Request refused', '6'])
    expect(extension).toMatchObject({
      act: 'deny',
      outcome: 'failure',
      reason: 'seen before',
      cn1: '401',
      cn1Label: 'status',
    })
  })

  it('puts an IPv6 address where the format wants it', () => {
    const { extension } = parseCef(
      writeCef(
        placed((record) => record, { address: '2001:db8::7' }),
        4096,
      ),
    )
    expect(extension).toMatchObject({ c6a2: '2001:db8::7', c6a2Label: 'Source IPv6 Address' })
    expect(extension['src']).toBeUndefined()
  })

  it.each(['a=b act=deny', 'a|b', 'back\\slash=', 'two\r\nlines', 'trailing\\'])(
    'lets nobody break out: %j',
    (text) => {
      const hostile = placed((record) => ({ ...record, check: text }), { user: text, target: text })
      const line = writeCef(hostile, 4096)
      const { header, extension } = parseCef(line)
      expect(header).toHaveLength(7)
      expect(extension).toMatchObject({ suser: text, request: text, cs3: text, act: 'allow' })
      expect(line).not.toMatch(/[\r\n]/)
    },
  )

  it('escapes its header', () => {
    const hostile = placed((record) => ({ ...record, decision: 'deny', code: 'a|b\\c\nd' }))
    expect(writeCef(hostile, 4096)).toContain('|a\\|b\\\\c d|Request refused|6|')
  })

  it('leaves out what does not fit, whole, and keeps place and hash', () => {
    const long = placed((record) => record, { target: 'x'.repeat(4000) })
    const line = writeCef(long, 1024)
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024)
    const { extension } = parseCef(line)
    expect(extension).toMatchObject({ deviceExternalId: 'c', cn2: '1', cs6Label: 'hash' })
    expect(extension['request']).toBeUndefined()
  })

  it('travels as the message of syslog', async () => {
    const receiver = await receiveStream()
    const sink = syslogSink({ host: '127.0.0.1', port: receiver.port, protocol: 'tcp', format: 'cef' })
    await sink.append(sealedRecords({ chain: 'c', count: 1 }))
    await receiver.received(1)
    const { element, message } = parseSyslog(receiver.messages[0] ?? '')
    expect(element).toBe('')
    expect(parseCef(message).extension).toMatchObject({ suser: 'user_7', cn2: '1' })
    await sink.close()
    await receiver.stop()
  })
})
