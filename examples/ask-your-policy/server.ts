import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentRequest, KeySource, Recorder } from '@countermark/core'
import { consultPolicy } from '@countermark/policy'
import { cedar } from '@countermark/policy/cedar'
import { countermark } from 'countermark/express'
import express, { type Express } from 'express'

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8')

/** The repository that a request is about: what a policy calls its resource. */
function repositoryOf(request: AgentRequest): { readonly type: string; readonly id: string; readonly repo: string } {
  const { owner = '', name = '' } = request.route().parameters
  return { type: 'Repo', id: `${owner}/${name}`, repo: `${owner}/${name}` }
}

/** A code host whose grants say who may write drafts, and whose policy says where. */
export function createServer(origin: () => string, keys: KeySource, recorder: Recorder): Express {
  const engine = cedar({ policies: read('agents.cedar'), schema: read('agents.cedarschema') })
  const policy = consultPolicy(engine, { keepQuestion: true })
  const agents = countermark({ origins: () => [origin()], keys, policy, recorder })
  const app = express()
  app.use(agents)
  const drafts = { policy: { action: 'pr.create', resource: repositoryOf } }
  app.post('/repos/:owner/:name/pulls', agents.require('pr:write:draft', {}, drafts), (req, res) => {
    res.status(201).json({ decidedBy: req.agent?.policy?.reason })
  })
  const releases = { policy: { action: 'release.publish', resource: repositoryOf } }
  app.post('/repos/:owner/:name/releases', agents.require('pr:write:draft', {}, releases), (_req, res) => {
    res.sendStatus(201)
  })
  return app
}
