import { requireCapability } from '@countermark/capability'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import { outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { grant } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

function describeOptional<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>, path: string): void {
  describe(`an optional parameter of ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    it.each([
      ['/zones/zone_1', '200'],
      ['/zones', '403 insufficient_scope'],
    ])('is part of a scope when it is there: %s', async (target, outcome) => {
      const app = await start({
        build: ({ app: building, guard, checks, handler }) => {
          building.use(
            guard(checks.verify, checks.once, grant({ scopes: ['dns:zone_1:write', 'dns:undefined:write'] })),
          )
          building.route('get', path, guard(requireCapability('dns:{zone}:write')), handler)
        },
      })
      expect(outcomeOf(await app.send({ target }))).toBe(outcome)
    })
  })
}

describeOptional('Express 4', expressAdapter(express4), '/zones/:zone?')
describeOptional('Express 5', expressAdapter(express), '/zones{/:zone}')
