import { type Check, defineCheck } from '@countermark/core'
import { createGuard } from '@countermark/koa'
import { type StartedServer, startServer } from '@countermark/testing'
import Koa from 'koa'
import Koa2 from 'koa2'

let running: StartedServer

afterEach(() => running.close())

/** Lets the request pass, some turns of the event loop later. */
function passLater(decided: () => void): Check<object, object> {
  return defineCheck({ name: 'pass_later', needs: [], adds: ['agent'] }, async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    setImmediate(decided)
    return {
      agent: { id: 'agt_buyer', level: 'signed', scheme: 'httpsig', record: { id: 'agt_buyer', state: 'active' } },
    }
  })
}

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa],
])('%s, behind a middleware that forgets to await next()', (_name, Framework) => {
  it('answers 404 and does not run the handler behind that answer', async () => {
    let decided = (): void => undefined
    const whenDecided = new Promise<void>((resolve) => {
      decided = resolve
    })
    const ran: string[] = []
    const guard = createGuard({ origins: () => [running.origin] })
    const app = new Framework()
    app.use((_ctx, next) => void next())
    app.use(guard(passLater(decided)))
    app.use((ctx) => {
      ran.push(ctx.path)
    })
    running = await startServer(app.callback())
    expect((await fetch(`${running.origin}/refunds`, { method: 'POST' })).status).toBe(404)
    await whenDecided
    expect(ran).toEqual([])
  })
})
