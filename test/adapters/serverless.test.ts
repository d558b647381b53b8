import { describeHost, FRAMEWORKS, hosted, PAY } from './describe-host.ts'
import { functionsFramework, HOSTS, nodeMocks } from './serverless-hosts.ts'

describe.each(FRAMEWORKS)('%s', (_framework, build) => {
  describe.each(HOSTS)('in %s', (_host, host) => {
    describeHost(host, build)

    it('does not let an attacker have a body by saying that there is none', async () => {
      const { send, read } = await hosted(host, build)
      const tamper = { sent: { body: Buffer.from('{"amount":9900}') } }
      const { body: _none, ...unsigned } = PAY
      const lying = { ...unsigned, headers: { ...unsigned.headers, 'Content-Length': '0' }, tamper }
      expect([await send(lying), read]).toEqual([[401, 'coverage_insufficient'], []])
    })

    it('tells observers how a request ended', async () => {
      const { send, outcomes } = await hosted(host, build)
      await send({ target: '/orders' })
      expect(outcomes).toMatchObject([{ status: 200, aborted: false }])
    })
  })
})

describe.each(FRAMEWORKS.slice(0, 2))('%s', (_framework, build) => {
  describe('in functions-framework, which keeps bodies in rawBody', () => {
    describeHost(functionsFramework, build, { rawBody: (message) => message.rawBody })
  })

  describe('in node-mocks-http, with the bytes in rawBody', () => {
    describeHost(nodeMocks, build, { rawBody: (message) => message.rawBody })
  })

  it.each([
    ['functions-framework', functionsFramework],
    ['node-mocks-http', nodeMocks],
  ])('asks for rawBody in %s', async (_name, host) => {
    const { send, read } = await hosted(host, build)
    expect([await send(PAY), read]).toEqual([[500, 'config_error'], []])
  })
})
