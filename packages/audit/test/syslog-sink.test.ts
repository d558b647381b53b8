import { createSelfSigned } from '../../outbound/test/self-signed.ts'
import { syslogSink } from '../src/sinks.ts'
import { type AuditSinkUnderTest, describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'
import { parseSyslog, receiveStream, receiveUdp, type SyslogReceiver } from './syslog-receiver.ts'

const COPY = { durable: false, repeated: 'told' } as const

function underTest(receiver: SyslogReceiver, sink: AuditSinkUnderTest['sink'], sent: () => number): AuditSinkUnderTest {
  return {
    sink,
    read: async (chain) => {
      await receiver.received(sent())
      return receiver.messages
        .map(parseSyslog)
        .filter(({ parameters }) => parameters['chain'] === chain)
        .map(({ message }) => message)
    },
    breakDown: receiver.stop,
    recover: receiver.start,
    close: receiver.stop,
  }
}

/** Counts what was sent, so that a reader knows how much will come. */
function counting(sink: AuditSinkUnderTest['sink']): {
  readonly sink: AuditSinkUnderTest['sink']
  readonly sent: () => number
} {
  let sent = 0
  const seen = new WeakSet<object>()
  const append: AuditSinkUnderTest['sink']['append'] = async (records) => {
    await sink.append(records)
    sent += records.filter((record) => !seen.has(record)).length
    for (const record of records) seen.add(record)
  }
  return { sink: { ...sink, append }, sent: () => sent }
}

describeAuditSink('syslog, TCP', COPY, async () => {
  const receiver = await receiveStream()
  const { sink, sent } = counting(syslogSink({ host: '127.0.0.1', port: receiver.port, protocol: 'tcp' }))
  return underTest(receiver, sink, sent)
})

describeAuditSink('syslog, TLS', COPY, async () => {
  const { key, cert } = createSelfSigned()
  const receiver = await receiveStream({ key, cert })
  const { sink, sent } = counting(syslogSink({ host: 'localhost', port: receiver.port, tls: { ca: cert } }))
  return underTest(receiver, sink, sent)
})

describe('syslogSink over UDP', () => {
  let receiver: SyslogReceiver
  beforeEach(async () => {
    receiver = await receiveUdp()
  })
  afterEach(() => receiver.stop())

  it('sends each record as one datagram, and never counts as the one that holds it', async () => {
    const sink = syslogSink({ host: '127.0.0.1', port: receiver.port, protocol: 'udp' })
    const records = sealedRecords({ chain: 'c', count: 3 })
    await sink.append(records)
    await receiver.received(3)
    const never: false = sink.durable
    expect(never).toBe(false)
    expect(receiver.messages.map((text) => parseSyslog(text).message).toSorted()).toEqual(
      records.map(({ line }) => line),
    )
    await sink.close()
  })

  it('leaves out a line that does not fit, and says so beside its hash', async () => {
    const sink = syslogSink({ host: '127.0.0.1', port: receiver.port, protocol: 'udp' })
    const [record] = sealedRecords({ chain: 'c', count: 1, values: { target: 'x'.repeat(3000) } })
    await sink.append(record === undefined ? [] : [record])
    await receiver.received(1)
    const [text = ''] = receiver.messages
    const { message, parameters } = parseSyslog(text)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2048)
    expect(message).toBe('')
    expect(parameters).toMatchObject({ chain: 'c', seq: '1', hash: record?.hash, truncated: 'line' })
    await sink.close()
  })
})

describe('a message of RFC 5424', () => {
  async function send(decision: 'allow' | 'deny' | 'observe', user = 'user_7') {
    const receiver = await receiveStream()
    const sink = syslogSink({ host: '127.0.0.1', port: receiver.port, protocol: 'tcp', hostname: 'api 1', appName: '' })
    await sink.append(
      sealedRecords({ chain: 'c', count: 1, values: { user }, change: (record) => ({ ...record, decision }) }),
    )
    await receiver.received(1)
    await sink.close()
    await receiver.stop()
    return parseSyslog(receiver.messages[0] ?? '')
  }

  it('says who, what and when in its header, in printable ASCII', async () => {
    const { header } = await send('allow')
    expect(header).toEqual(['2026-01-01T00:00:00.000Z', 'api_1', '-', String(process.pid), 'decision'])
  })

  it('is as severe as the decision', async () => {
    expect((await send('allow')).priority).toBe(13 * 8 + 6)
    expect((await send('observe')).priority).toBe(13 * 8 + 5)
    expect((await send('deny')).priority).toBe(13 * 8 + 4)
  })

  it('has fields that nobody can break out of', async () => {
    const user = '"] evil="1\\" \n\u001b\u202e'
    const { parameters, element } = await send('allow', user)
    expect(element).toBe('countermark@32473')
    expect(parameters['user']).toBe('"] evil="1\\" \ufffd\ufffd\ufffd')
    expect(parameters['evil']).toBeUndefined()
    expect(parameters).toMatchObject({ agent: 'agt_assistant', route: '/refunds/:id', method: 'POST' })
  })
})

describe('syslogSink over TLS', () => {
  it('sends nothing to a receiver that it cannot verify', async () => {
    const { key, cert } = createSelfSigned()
    const receiver = await receiveStream({ key, cert })
    const sink = syslogSink({ host: 'localhost', port: receiver.port })
    await expect(sink.append(sealedRecords({ chain: 'c', count: 1 }))).rejects.toThrow('self-signed certificate')
    expect(receiver.messages).toEqual([])
    await sink.close()
    await receiver.stop()
  })

  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { host: 'siem', protocol: 'relp' }],
    ['ERR_OPTION_INVALID', { host: 'siem', format: 'leef' }],
    ['ERR_OPTION_INVALID', { host: 'siem', port: 0 }],
    ['ERR_OPTION_INVALID', { host: 'siem', tls: { rejectUnauthorized: false } }],
    ['ERR_OPTION_UNKNOWN', { host: 'siem', transport: 'tcp' }],
  ])('does not start: %s', (code, options) => {
    expect(() => syslogSink(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
