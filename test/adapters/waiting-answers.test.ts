import { type Check, Refusal } from '@countermark/core'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'

let running: StartedServer
let forwarded: unknown[]

beforeEach(() => {
  forwarded = []
})
afterEach(() => running.close())

const OPTIONS = { origins: () => [running.origin] }

/** A check that refuses with a code: 202 for `approval_pending`, 403 for `approval_required`. */
function refuseWith(code: 'approval_pending' | 'approval_required'): Check {
  return () => {
    throw new Refusal(code, 'a human decides')
  }
}

async function ask(): Promise<{ readonly status: number; readonly type: string | null; readonly code: unknown }> {
  const answer = await fetch(running.origin)
  const text = await answer.text()
  const { code } = text.startsWith('{') ? JSON.parse(text) : { code: text }
  return { status: answer.status, type: answer.headers.get('content-type'), code }
}

const PROBLEM = 'application/problem+json'

describe.each([
  ['Express 4', express4],
  ['Express 5', express],
])('%s whose errors are handled by the application', (_name, framework) => {
  const start = async (code: Parameters<typeof refuseWith>[0]): Promise<void> => {
    const app = framework().use(createExpressGuard({ ...OPTIONS, respond: 'next' })(refuseWith(code)))
    const handle: express.ErrorRequestHandler = (error, _req, res, _next) => {
      forwarded.push(error.code)
      res.status(error.status).type('text').send('handled')
    }
    running = await startServer(app.use(handle))
  }

  it('answers 202 itself while a person decides', async () => {
    await start('approval_pending')
    expect(await ask()).toEqual({ status: 202, type: PROBLEM, code: 'approval_pending' })
    expect(forwarded).toEqual([])
  })

  it('forwards what is refused', async () => {
    await start('approval_required')
    expect(await ask()).toMatchObject({ status: 403, code: 'handled' })
    expect(forwarded).toEqual(['approval_required'])
  })
})

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa],
])('%s whose errors are handled by the application', (_name, Framework) => {
  const start = async (code: Parameters<typeof refuseWith>[0]): Promise<void> => {
    const app = new Framework().use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        forwarded.push(Reflect.get(Object(error), 'code'))
        ctx.status = Reflect.get(Object(error), 'status')
        ctx.body = 'handled'
      }
    })
    running = await startServer(app.use(createKoaGuard({ ...OPTIONS, respond: 'throw' })(refuseWith(code))).callback())
  }

  it('answers 202 itself while a person decides', async () => {
    await start('approval_pending')
    expect(await ask()).toEqual({ status: 202, type: PROBLEM, code: 'approval_pending' })
    expect(forwarded).toEqual([])
  })

  it('throws what is refused', async () => {
    await start('approval_required')
    expect(await ask()).toMatchObject({ status: 403, code: 'handled' })
    expect(forwarded).toEqual(['approval_required'])
  })
})
