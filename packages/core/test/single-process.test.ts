import { requireSingleProcess } from '../src/internal.ts'

describe('a store in memory', () => {
  const store = { name: 'memoryBudgets', instead: 'redisBudgets', allowSingleProcess: undefined }

  it.each([
    [{ isClusterWorker: true, variables: {} }],
    [{ isClusterWorker: false, variables: { NODE_ENV: 'production' } }],
    [{ isClusterWorker: false, variables: { NODE_APP_INSTANCE: '0' } }],
    [{ isClusterWorker: false, variables: { WEB_CONCURRENCY: '2' } }],
  ])('does not start where it is probably not alone: %j', (surroundings) => {
    expect(() => requireSingleProcess(store, surroundings)).toThrow(
      expect.objectContaining({ code: 'ERR_STORE_SINGLE_PROCESS' }),
    )
    expect(() => requireSingleProcess({ ...store, allowSingleProcess: true }, surroundings)).not.toThrow()
  })
  it('starts alone', () => {
    const variables = { NODE_ENV: 'development', WEB_CONCURRENCY: '1' }
    expect(() => requireSingleProcess(store, { isClusterWorker: false, variables })).not.toThrow()
  })
})
