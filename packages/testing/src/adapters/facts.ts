import { type AgentView, defineCheck } from '@countermark/core'
import { nameAs, noteAgents } from './fixtures.ts'
import { AUTHORITY, outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

/** What handlers and later guards know of a caller. */
export function describeFacts<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('the agent that a handler sees', () => {
    it('is who signed, with what, and what was covered', async () => {
      const app = await start()
      await app.send({ method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json', 'X-Note': 'free' } })
      const { keyId, thumbprint } = app.agent
      expect(app.runs[0]?.agent).toMatchObject({
        id: 'agt_buyer',
        level: 'signed',
        scheme: 'httpsig',
        keyId,
        thumbprint,
      })
      const covered = ['@method', 'content-type', 'content-digest', 'x-note'].map((name) =>
        agentOf(app.runs).covered(name),
      )
      expect(covered).toEqual([true, true, true, false])
    })

    it('is frozen', async () => {
      const app = await start()
      await app.send({})
      expect(Object.isFrozen(agentOf(app.runs))).toBe(true)
      expect(() => Object.assign(agentOf(app.runs), { id: 'agt_admin' })).toThrow(TypeError)
    })

    it('has the request id that observers are told', async () => {
      const app = await start()
      await app.send({})
      expect(agentOf(app.runs).requestId).toBe(app.observer.decisions[0]?.requestId)
    })
  })

  describe('facts across guards', () => {
    it('are known to a later guard', async () => {
      const seen: string[] = []
      const app = await start({
        build: ({ app, guard, checks, handler }) => {
          app.use(guard(checks.verify, checks.once))
          app.route('get', '/orders', guard(noteAgents(seen)), handler)
        },
      })
      expect((await app.send({ target: '/orders' })).status).toBe(200)
      expect(seen).toEqual(['agt_buyer'])
    })

    it('may come from one guard for the signature and another for its freshness', async () => {
      const app = await start(({ guard, verified, handler }) => [guard(nameAs('signed')), verified(), handler])
      expect((await app.send({})).status).toBe(200)
      expect(agentOf(app.runs).id).toBe('agt_buyer')
    })

    it('are not what other code assigns', async () => {
      const seen: string[] = []
      const app = await start(({ adapter, guard, verified, handler }) => [
        verified(),
        adapter.step(({ assignAgent }) => assignAgent({ id: 'agt_admin', level: 'signed' })),
        guard(noteAgents(seen)),
        handler,
      ])
      await app.send({})
      expect([seen, agentOf(app.runs).id]).toEqual([['agt_buyer'], 'agt_buyer'])
    })

    it('cannot be assigned instead of proven', async () => {
      const app = await start(({ adapter, guard, handler }) => [
        adapter.step(({ assignAgent }) => assignAgent({ id: 'agt_admin', level: 'signed' })),
        guard(noteAgents([])),
        handler,
      ])
      const response = await app.sendPlain()
      expect([outcomeOf(response), app.runs.length]).toEqual(['500 config_error', 0])
    })

    it('are not shared between factories: each knows what its own guards proved', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          const other = adapter.createGuard({ origins: [AUTHORITY] })
          app.use(guard(checks.verify, checks.once), other(noteAgents([])), handler)
        },
      })
      expect((await app.send({})).status).toBe(500)
    })

    it('do not mix between requests that are in flight at once', async () => {
      const app = await start({
        build: ({ app, guard, checks, handler }) => {
          const wait = defineCheck(
            { name: 'wait', needs: [], adds: [] },
            () => new Promise((go) => setImmediate(go, {})),
          )
          app.use(guard(wait, checks.verify, checks.once), guard(noteAgents([]), wait), handler)
        },
      })
      const requests = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? app.send({}) : app.sendPlain()))
      const statuses = (await Promise.all(requests)).map(({ status }) => status)
      expect(statuses).toEqual(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 200 : 401)))
    })
  })

  describeMistakes(start)
}

/** What a programmer may get wrong. */
function describeMistakes<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a mistake of the programmer', () => {
    it('refuses every request, and warns once, when a guard needs what no guard before it gave', async () => {
      const app = await start(({ guard, handler }) => [guard(noteAgents([])), handler])
      const responses = [await app.sendPlain(), await app.sendPlain()]
      expect(responses.map(problemOf)).toMatchObject([{ code: 'config_error', status: 500 }, { code: 'config_error' }])
      expect(app.runs).toHaveLength(0)
      const message = expect.stringContaining('note_agents needs agent')
      expect(app.warnings).toEqual([{ type: 'CountermarkWarning', code: 'config_error', message }])
    })

    it('refuses what a check fails on, and keeps the reason from the caller', async () => {
      const failing = defineCheck({ name: 'failing', needs: [], adds: [] }, () => {
        throw new Error('password of the database: hunter2')
      })
      const app = await start({
        options: { errorDetail: 'full' },
        build: ({ guard, handler }) => [guard(failing), handler],
      })
      const response = await app.sendPlain()
      expect([response.status, app.runs.length]).toEqual([500, 0])
      expect(response.text).not.toContain('hunter2')
      expect(app.warnings).toMatchObject([{ message: expect.stringContaining('hunter2') }])
    })

    it('does not start with checks in the wrong order', async () => {
      const starting = start({
        build: ({ guard, checks }) => {
          // The compiler refuses this, too: see the type tests.
          const unordered: (...checks: readonly unknown[]) => unknown = guard as never
          unordered(checks.once, checks.verify)
        },
      })
      await expect(starting).rejects.toMatchObject({ code: 'ERR_CHECK_ORDER' })
    })

    it('does not start with a signature check that nothing keeps from being replayed', async () => {
      const starting = start({ build: ({ guard, checks }) => void guard(checks.verify) })
      await expect(starting).rejects.toMatchObject({ code: 'ERR_REPLAY_MISSING' })
    })

    it.each([
      [{ respond: 'maybe' }, 'ERR_OPTION_INVALID'],
      [{ origin: ['api.example.com'] }, 'ERR_OPTION_UNKNOWN'],
      [{ origins: [] }, 'ERR_OPTION_MISSING'],
      [{ maxBodyBytes: Number.NaN }, 'ERR_OPTION_INVALID'],
      [{ trustedProxies: ['10.0.0.0/33'] }, 'ERR_OPTION_INVALID'],
    ] as const)('does not start with %j', async (options, code) => {
      await expect(start({ options: options as object })).rejects.toMatchObject({ code })
    })
  })
}

function agentOf(runs: readonly { readonly agent: AgentView | undefined }[]): AgentView {
  const agent = runs[0]?.agent
  if (agent === undefined) throw new Error('the handler saw no agent')
  return agent
}
