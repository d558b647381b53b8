import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { RefusalRow } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { REFUSAL_CASES } from './refusal-cases.ts'
import { createSignatureChecks } from './signature-checks.ts'
import { createTokenCheck, createTokenWorld, TOKEN_REFUSAL_CASES, type TokenWorld } from './token-refusal-cases.ts'

const SOURCES = resolve(__dirname, '../../packages/delegation/src')
const MODES = ['standard', 'wba', 'seed'] as const

function describeTokens<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe.each(TOKEN_REFUSAL_CASES)(`${name}: %s`, (code, refusal) => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    let world: TokenWorld

    beforeAll(async () => {
      world = await createTokenWorld()
    })

    it.each(MODES)('is answered with its status, statusMode %s', async (statusMode) => {
      const app = await start({
        options: { statusMode },
        build: ({ app: building, guard, checks, handler }) => {
          const tokens = createTokenCheck(world, refusal)
          const composed = refusal.isSigned ? guard(checks.verify, checks.once, tokens) : guard(tokens)
          building.use(composed, handler)
        },
      })
      const response = await refusal.ask(app, world)
      const row: RefusalRow = REFUSAL_CODES[code]
      const status = (statusMode === 'standard' ? undefined : row[statusMode]) ?? row.status
      expect([problemOf(response)['code'], response.status]).toEqual([code, status])
      expect(app.runs.length).toBeLessThanOrEqual(1)
      expect(response.header('retry-after') !== undefined).toBe(row.retry === 'later')
      const challenges = response.headerLines.filter(([field]) => field.toLowerCase() === 'www-authenticate')
      expect(challenges.map(([, value]) => value).join('\n')).toMatch(refusal.challenge ?? '')
    })
  })
}

describeTokens('Express', expressAdapter(express))
describeTokens('Koa', koaAdapter(Koa))

it('covers every code that the package refuses with', () => {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const sources = names.map((name) => readFileSync(join(SOURCES, name), 'utf8'))
  const thrown = sources.flatMap((source) =>
    [...source.matchAll(/new (?:Refusal|Unavailable)\(\s*'([a-z_]+)'/g)].map(([, code = '']) => code),
  )
  const shown = new Set<string>([...TOKEN_REFUSAL_CASES.map(([code]) => code), ...Object.keys(REFUSAL_CASES)])
  expect([...new Set(thrown)].filter((code) => !shown.has(code))).toEqual([])
  expect(thrown).toContain('token_binding_mismatch')
})
