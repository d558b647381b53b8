import { type AgentFact, defineCheck } from '@countermark/core'
import type { RouteInfo } from '@countermark/core/internal'
import { createGuard } from '@countermark/express'
import express, { type Express, type RequestHandler, Router } from 'express'
import express4 from 'express4'
import request from 'supertest'

const agent: AgentFact = {
  id: 'agt_buyer',
  level: 'signed',
  scheme: 'httpsig',
  record: { id: 'agt_buyer', state: 'active' },
}

/** A guard that lets everybody pass and answers with the route it saw. */
function answerRoute(): readonly RequestHandler[] {
  let route: RouteInfo | undefined
  const look = defineCheck({ name: 'look', needs: [], adds: ['agent'] }, (seen) => {
    route = seen.route()
    return { agent }
  })
  const guard = createGuard({ origins: ['api.example.com'] })
  return [guard(look), (_req, res) => void res.json(route)]
}

async function routeOf(app: Express, path: string): Promise<RouteInfo> {
  return (await request(app).get(path).set('Host', 'api.example.com')).body
}

describe('the route that a check sees', () => {
  it('is the mount path alone where a router answers its own root', async () => {
    const app = express().use('/v1', Router().get('/', ...answerRoute()))
    expect(await routeOf(app, '/v1')).toEqual({ template: '/v1', parameters: {} })
    expect(await routeOf(app, '/v1/')).toEqual({ template: '/v1', parameters: {} })
  })

  it('is / at the root of the application', async () => {
    expect(await routeOf(express().get('/', ...answerRoute()), '/')).toEqual({ template: '/', parameters: {} })
  })

  it('has the text that a wildcard matched', async () => {
    const five = express().get('/files/*path', ...answerRoute())
    expect((await routeOf(five, '/files/a/b.txt')).parameters).toEqual({ path: 'a/b.txt' })
    const four = express4().get('/files/*', ...answerRoute())
    expect((await routeOf(four, '/files/a/b.txt')).parameters).toEqual({ 0: 'a/b.txt' })
  })

  it('has no template where the path is a regular expression', async () => {
    const app = express().get(/^\/orders\/(?<id>\d+)$/, ...answerRoute())
    expect(await routeOf(app, '/orders/7')).toEqual({ parameters: { id: '7' } })
  })

  it('has no template before Express has routed', async () => {
    const app = express().use(...answerRoute())
    expect(await routeOf(app, '/orders/7')).toEqual({ parameters: {} })
  })
})
