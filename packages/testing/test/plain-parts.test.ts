import {
  aRequest,
  createFakeClock,
  createRecordingObserver,
  createRecordingRecorder,
  createTestAgent,
  createTestEnvironment,
} from '@countermark/testing'

describe('aRequest', () => {
  it('splits the target without changing it', () => {
    const request = aRequest({ url: 'https://api.example.com/a%2F/../b?x=1?y', headers: { Accept: 'text/plain' } })
    expect([request.target, request.path, request.query]).toEqual(['/a%2F/../b?x=1?y', '/a%2F/../b', '?x=1?y'])
    expect(request.headers.only('accept')).toBe('text/plain')
  })

  it('takes a signed request as it is', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const signed = await agent.signRequest({ url: 'http://127.0.0.1:3000/x', body: 'abc' })
    const request = aRequest(signed)
    expect([request.method, request.scheme, request.authority]).toEqual(['POST', 'http', '127.0.0.1:3000'])
    expect(request.headers.only('signature')).toBe(signed.headers['Signature'])
    expect([request.hasBody, request.contentLength, await request.body()]).toEqual([true, 3, signed.body])
  })

  it('has no body and no query unless given', async () => {
    const request = aRequest()
    expect([request.hasBody, request.contentLength, request.query]).toEqual([false, undefined, undefined])
    expect(await request.body()).toHaveLength(0)
  })
})

describe('createFakeClock', () => {
  it('stands still until it is advanced', () => {
    const clock = createFakeClock(1000)
    clock.advance(500)
    expect([clock.wallMs(), clock.monotonicMs(), clock.seconds()]).toEqual([1500, 500, 1])
  })

  it('sets the wall clock back without touching the monotonic one', () => {
    const clock = createFakeClock(10_000)
    clock.adjustWall(-4000)
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([6000, 0])
    expect(() => clock.advance(-1)).toThrow(RangeError)
  })
})

describe('createRecordingObserver', () => {
  it('adds up a counter by its labels', () => {
    const { observer, report } = createTestEnvironment()
    report({ name: 'key_fetches_total', kind: 'counter', value: 2, labels: { outcome: 'ok' } })
    report({ name: 'key_fetches_total', kind: 'counter', value: 1, labels: { outcome: 'failed' } })
    expect([observer.total('key_fetches_total'), observer.total('key_fetches_total', { outcome: 'ok' })]).toEqual([
      3, 2,
    ])
    observer.clear()
    expect(observer.measurements).toHaveLength(0)
  })

  it('keeps decisions and outcomes in order', () => {
    const observer = createRecordingObserver()
    const decision = { requestId: 'r1' } as never
    observer.decided(decision)
    observer.finished(decision, { requestId: 'r1', status: 200, durationMs: 1, aborted: false })
    expect([observer.decisions, observer.outcomes[0]?.status]).toEqual([[decision], 200])
  })
})

describe('createRecordingRecorder', () => {
  it('fails on request and records again afterwards', async () => {
    const recorder = createRecordingRecorder()
    recorder.failWith(new Error('disk full'))
    await expect(recorder.record({} as never)).rejects.toThrow('disk full')
    recorder.failWith(undefined)
    await recorder.record({} as never)
    expect(recorder.decisions).toHaveLength(1)
  })
})
