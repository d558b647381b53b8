import { type Decision, Unavailable } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { keySourceOf, startServer } from '@countermark/testing'
import express from 'express'
import { countermark } from '../src/express.ts'
import { tellDeveloper } from '../src/tell-developer.ts'

describe('while an application is developed', () => {
  const { NODE_ENV } = process.env
  let lines: string[]

  beforeEach(() => {
    lines = []
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      lines.push(String(text))
      return true
    })
  })
  afterEach(() => {
    process.env['NODE_ENV'] = NODE_ENV
    jest.restoreAllMocks()
  })

  async function ask(environment: string | undefined, options = {}): Promise<void> {
    if (environment === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = environment
    const replay = memoryReplayStore({ allowSingleProcess: true })
    const app = express()
    app.use(countermark({ origins: ['api.example.com'], keys: keySourceOf(), replay, ...options }))
    const server = await startServer(app)
    for (const path of ['/orders', '/orders', '/refunds']) await fetch(server.origin + path)
    await server.close()
  }

  it('says what is refused and what came, once for each code and route', async () => {
    await ask(undefined)
    const ours = lines.filter((line) => line.startsWith('countermark: '))
    expect(ours).toHaveLength(2)
    expect(ours[0]).toMatch(/^countermark: GET \/orders → 400 authority_mismatch: .*127\.0\.0\.1/)
    expect(ours[0]).toContain('npx countermark explain authority_mismatch')
  })

  it('says what a dependency answered', () => {
    const cause = new Error("NOPERM User weak has no permissions to run the 'eval' command")
    const refusal = new Unavailable('replay_store_unavailable', 'replay', 'the replay store does not answer', { cause })
    const request = { method: 'GET', path: '/orders', route: () => ({}) }
    tellDeveloper()({ refusal, request, status: 503, mode: 'enforce' } as unknown as Decision)
    expect(lines.join('')).toContain(
      'replay_store_unavailable: the replay store does not answer {"cause":"NOPERM User weak',
    )
  })

  it.each<[string, string | undefined, object]>([
    ['in production', 'production', {}],
    ['in tests', 'test', {}],
    ['where the application tells of refusals itself', undefined, { onRefusal: () => undefined }],
  ])('says nothing %s', async (_case, environment, options) => {
    await ask(environment, options)
    expect(lines.filter((line) => line.startsWith('countermark: '))).toEqual([])
  })
})
