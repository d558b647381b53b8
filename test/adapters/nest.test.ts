import { describeHost, hosted, PAY } from './describe-host.ts'
import { nestApp } from './nest-app.ts'
import { nodeServer } from './serverless-hosts.ts'

describe('NestJS', () => {
  describe('with the guard in app.use, in front of the parsers of Nest', () => {
    describeHost(
      nodeServer,
      nestApp({ rawBody: true }, (app, guard) => app.use(guard)),
    )
  })

  describe('with bodyParser: false and parsers behind the guard', () => {
    const build = nestApp({ bodyParser: false }, (app, guard) => app.use(guard).useBodyParser('json'))
    describeHost(nodeServer, build)
  })

  describe.each([
    ['app.use', nestApp({ rawBody: true }, (app, guard) => app.useBodyParser('json').use(guard))],
    ['middleware of a module', nestApp({ rawBody: true })],
  ])('with the guard behind the parsers of Nest, in %s', (_place, build) => {
    describeHost(nodeServer, build, { rawBody: (message) => message.rawBody })

    it('asks for rawBody', async () => {
      const { send, read } = await hosted(nodeServer, build)
      expect([await send(PAY), read]).toEqual([[500, 'config_error'], []])
    })
  })

  it('has no bytes to judge where rawBody: true is left out', async () => {
    const { send, read } = await hosted(nodeServer, nestApp({}), { rawBody: (message) => message.rawBody })
    expect([await send(PAY), read]).toEqual([[500, 'config_error'], []])
  })
})
