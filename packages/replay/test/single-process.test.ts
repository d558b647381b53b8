import { memoryReplayStore } from '../src/index.ts'

describe('memoryReplayStore where there may be other processes', () => {
  const before = { ...process.env }

  afterEach(() => {
    process.env = { ...before }
  })

  it.each([
    ['under pm2', { NODE_APP_INSTANCE: '0' }],
    ['with several web processes', { WEB_CONCURRENCY: '2' }],
    ['in production', { NODE_ENV: 'production' }],
  ])('refuses to start %s', (_, variables) => {
    Object.assign(process.env, variables)
    expect(() => memoryReplayStore()).toThrow(
      expect.objectContaining({
        code: 'ERR_STORE_SINGLE_PROCESS',
        message: expect.stringContaining('use redisReplayStore, or say allowSingleProcess: true'),
      }),
    )
  })

  it('takes a word for it that there is none', () => {
    process.env['NODE_ENV'] = 'production'
    expect(memoryReplayStore({ allowSingleProcess: true }).name).toBe('memory')
  })

  it('starts alone', () => {
    Object.assign(process.env, { NODE_ENV: 'development', WEB_CONCURRENCY: '1' })
    expect(memoryReplayStore().name).toBe('memory')
  })
})
