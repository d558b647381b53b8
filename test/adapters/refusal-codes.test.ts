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
import { REFUSAL_CASES, type RefusalCase, type TableCode } from './refusal-cases.ts'
import { createSignatureChecks } from './signature-checks.ts'

const CASES = Object.entries(REFUSAL_CASES) as readonly (readonly [TableCode, RefusalCase])[]
const ROOT = resolve(__dirname, '../..')
const PACKAGES = ['core', 'keys', 'signature', 'replay'] as const
const MODES = ['standard', 'wba', 'seed'] as const

function describeCodes<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe.each(CASES)(`${name}: %s`, (code, { checks = createSignatureChecks, input, ask }) => {
    const start = useGuardedApps(adapter, checks)

    it.each(MODES)('is answered with its status, statusMode %s', async (statusMode) => {
      const { options, ...rest } = input?.<Middleware>() ?? {}
      const app = await start({ ...rest, options: { ...options, statusMode } })
      const response = await ask(app)
      const row: RefusalRow = REFUSAL_CODES[code]
      const status = (statusMode === 'standard' ? undefined : row[statusMode]) ?? row.status
      expect([problemOf(response)['code'], response.status]).toEqual([code, status])
      expect(problemOf(response)).toMatchObject({ status, title: row.title, retry: row.retry })
      expect(response.header('www-authenticate') !== undefined || status !== 401).toBe(true)
      expect(response.header('retry-after') !== undefined).toBe(row.retry === 'later')
    })
  })
}

describeCodes('Express', expressAdapter(express))
describeCodes('Koa', koaAdapter(Koa))

it('covers every code that these packages refuse with', () => {
  const thrown = PACKAGES.flatMap((folder) => readSources(join(ROOT, 'packages', folder, 'src'))).flatMap((source) =>
    [...source.matchAll(/new (?:Refusal|Unavailable)\(\s*'([a-z_]+)'/g)].map(([, code]) => code),
  )
  expect([...new Set(thrown)].sort()).toEqual(CASES.map(([code]) => code).sort())
})

function readSources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}
