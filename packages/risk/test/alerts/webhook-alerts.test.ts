import { createGuardSettings } from '@countermark/core'
import type { LevelChange } from '@countermark/risk'
import { type RiskAlerts, type WebhookAlertsOptions, webhookAlerts } from '@countermark/risk/alerts'
import { createFakeClock, createRecordingObserver, type FakeClock, type RecordingObserver } from '@countermark/testing'
import { type Answer, type Receiver, SECRET, startReceiver } from './receiver.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true } as const
const START_MS = 1_767_225_600_000

interface Started {
  readonly alerts: RiskAlerts
  readonly receiver: Receiver
  readonly clock: FakeClock
  readonly observer: RecordingObserver
  readonly waits: readonly number[]
}

const receivers: Receiver[] = []
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()))
})

async function start(answers: readonly Answer[], options: Partial<WebhookAlertsOptions> = {}): Promise<Started> {
  const clock = createFakeClock(START_MS)
  const receiver = await startReceiver(answers, clock.wallMs)
  receivers.push(receiver)
  const waits: number[] = []
  const delay = async (ms: number): Promise<void> => {
    waits.push(ms)
    clock.advance(ms)
  }
  const rules = { ...LOOPBACK, clock, delay, random: () => 0, deadlineMs: 5000 }
  const alerts = webhookAlerts({ url: receiver.url, secret: SECRET, ...rules, ...options })
  const observer = createRecordingObserver()
  alerts.reportTo?.(observer.measured)
  return { alerts, receiver, clock, observer, waits }
}

function changed(more: Partial<LevelChange> = {}): LevelChange {
  const by = { by: 'signals', why: undefined }
  const reasons = ['42 writes in 60 s; up to 6 are usual']
  return { agentId: 'agt_a', from: 'allow', to: 'throttle', atMs: START_MS, score: 45, reasons, ...by, ...more }
}

const resultsOf = ({ observer }: Started) =>
  ['delivered', 'retried', 'lost'].map((result) => observer.total('risk_alerts_total', { result }))

describe('an alert', () => {
  it('says who changed, from what to what, and why, signed', async () => {
    const { alerts, receiver } = await start([204])
    alerts.send(changed({ by: 'rita', why: 'key is lost' }))
    await alerts.close()
    const data = { agent: 'agt_a', from: 'allow', to: 'throttle', score: 45, by: 'rita', why: 'key is lost' }
    expect(receiver.all).toMatchObject([{ isSigned: true, notice: { type: 'risk.level_changed', data } }])
  })

  it('is one for one change, in whatever process, and as often as it is told', async () => {
    const { alerts, receiver } = await start([204])
    const other = webhookAlerts({ url: receiver.url, secret: SECRET, ...LOOPBACK })
    alerts.send(changed())
    alerts.send(changed())
    other.send(changed())
    alerts.send(changed({ to: 'block' }))
    await Promise.all([alerts.close(), other.close()])
    const ids = receiver.all.map(({ id }) => id)
    expect([ids.length, new Set(ids).size]).toEqual([3, 2])
  })

  it('is not sent for levels below the one that is asked for', async () => {
    const { alerts, receiver } = await start([204], { from: 'read-only' })
    alerts.send(changed())
    alerts.send(changed({ to: 'block' }))
    alerts.send(changed({ from: 'block', to: 'allow' }))
    await alerts.close()
    expect(receiver.all.map(({ notice }) => notice.data.to)).toEqual(['block', 'allow'])
  })

  it('tells how long it took, and that none waits', async () => {
    const started = await start([204])
    started.alerts.send(changed({ atMs: START_MS - 1500 }))
    await started.alerts.close()
    const delays = started.observer.measurements.filter(({ name }) => name === 'risk_alert_delay_seconds')
    expect(delays.map(({ value }) => value)).toEqual([1.5])
    expect(started.alerts.metrics?.find(({ name }) => name === 'risk_alerts_waiting')?.read?.()).toBe(0)
  })
})

it('stands among the observers of a guard', async () => {
  const { alerts } = await start([204])
  expect(() => createGuardSettings({ origins: ['api.example.com'], observers: [alerts] })).not.toThrow()
})

describe('a receiver that fails', () => {
  it('gets the same alert again, later and later, under the same id', async () => {
    const started = await start([500, 'reset', 'hang', 204], { deadlineMs: 200 })
    started.alerts.send(changed())
    const all = await started.receiver.received(4)
    await started.alerts.close()
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
    expect(started.waits).toEqual([500, 1000, 2000])
    expect(resultsOf(started)).toEqual([1, 3, 0])
  })

  it('gets it again also where timers end a moment before the clock says so', async () => {
    const clock = createFakeClock(START_MS)
    const delay = async (ms: number): Promise<void> => clock.advance(ms - 0.5)
    const { alerts, receiver } = await start([500, 204], { clock, delay })
    alerts.send(changed())
    expect(await receiver.received(2)).toHaveLength(2)
    await alerts.close()
  })

  it('is asked again when it wants to be', async () => {
    const started = await start([503, 204])
    started.alerts.send(changed())
    await started.receiver.received(2)
    await started.alerts.close()
    expect(started.waits).toEqual([9000])
  })

  it('is given up at last, and the loss is counted and seen', async () => {
    const started = await start([500], { maxAttempts: 3 })
    started.alerts.send(changed())
    await started.receiver.received(3)
    await started.alerts.close()
    expect(resultsOf(started)).toEqual([0, 2, 1])
    expect(started.observer.measurements).toContainEqual(
      expect.objectContaining({ name: 'degraded', value: 1, labels: { dependency: 'alerts' } }),
    )
  })

  it('that hangs for one agent keeps no alert of another one', async () => {
    const { alerts, receiver } = await start(['hang', 204], { delay: () => new Promise(() => {}) })
    alerts.send(changed())
    await receiver.received(1)
    alerts.send(changed({ agentId: 'agt_b' }))
    const all = await receiver.received(2)
    expect(all.map(({ notice }) => notice.data.agent)).toEqual(['agt_a', 'agt_b'])
  })

  it('gets alerts of one agent in their order', async () => {
    const { alerts, receiver } = await start([500, 204])
    alerts.send(changed())
    alerts.send(changed({ from: 'throttle', to: 'block', atMs: START_MS + 1 }))
    const all = await receiver.received(3)
    await alerts.close()
    expect(all.map(({ notice }) => notice.data.to)).toEqual(['throttle', 'throttle', 'block'])
  })

  it('is left alone after 410, and what it does not take is counted', async () => {
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const started = await start([410])
    started.alerts.send(changed())
    await started.alerts.close()
    started.alerts.send(changed({ to: 'block' }))
    expect([started.receiver.all.length, ...resultsOf(started)]).toEqual([1, 0, 0, 2])
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining('410'), expect.anything())
    warnings.mockRestore()
  })
})

describe('a queue of alerts', () => {
  it('loses the oldest when it is full, and counts it', async () => {
    const started = await start(['hang'], { maxQueued: 2, delay: () => new Promise(() => {}) })
    for (const agentId of ['agt_a', 'agt_b', 'agt_c', 'agt_d']) started.alerts.send(changed({ agentId }))
    expect(resultsOf(started)).toEqual([0, 0, 2])
  })

  it('is tried once more when it is closed, and then counts what is left as lost', async () => {
    const started = await start([500], { delay: () => new Promise(() => {}) })
    started.alerts.send(changed())
    await started.receiver.received(1)
    await started.alerts.close()
    expect(resultsOf(started).at(-1)).toBe(1)
  })
})

describe('wrong configuration', () => {
  it.each([
    [{ url: 'nowhere' }, 'ERR_OPTION_INVALID'],
    [{ secret: 'hunter2' }, 'ERR_OPTION_INVALID'],
    [{ secret: undefined }, 'ERR_OPTION_MISSING'],
    [{ maxQueued: 0 }, 'ERR_OPTION_INVALID'],
    [{ colour: 'red' }, 'ERR_OPTION_UNKNOWN'],
  ])('is refused at start: %p', (wrong, code) => {
    const options = { url: 'https://alerts.example.com', secret: SECRET, ...wrong } as WebhookAlertsOptions
    expect(() => webhookAlerts(options)).toThrow(expect.objectContaining({ code }))
  })

  it('posts to nothing that is private unless it is told to', () => {
    const options = { url: 'http://alerts.example.com', secret: SECRET }
    expect(() => webhookAlerts(options)).toThrow(expect.objectContaining({ reason: 'url_refused' }))
  })
})
