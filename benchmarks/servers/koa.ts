import { createPublicKey } from 'node:crypto'
import type { Check, SignatureVerifier } from '@countermark/core'
import { tables } from '@countermark/ed25519-tables'
import { createGuard } from '@countermark/koa'
import { sodiumVerifier } from '@countermark/signature/sodium'
import Koa, { type Middleware } from 'koa'
import jwt from 'koa-jwt'
import type { CreateListener } from '../server.ts'
import { type CreateChecks, createBearerChecks, createFullChecks, GUARD_OPTIONS } from './countermark.ts'

function app(...middlewares: readonly Middleware[]): ReturnType<Koa['callback']> {
  const application = new Koa()
  for (const middleware of middlewares) application.use(middleware)
  application.use((ctx) => {
    ctx.body = { ok: true }
  })
  return application.callback()
}

function guarded(createChecks: CreateChecks, verifier?: () => SignatureVerifier): CreateListener {
  return (identity) => {
    const checks = createChecks(identity)
    const options = { ...GUARD_OPTIONS, ...(verifier === undefined ? {} : { verifier: verifier() }) }
    return app(createGuard(options)(...(checks as unknown as [Check])))
  }
}

/** As its README shows it: with a PEM. */
const byKoaJwt: CreateListener = ({ issuerRsaKey }) => {
  const key = createPublicKey({ key: issuerRsaKey.publicJwk, format: 'jwk' })
  return app(jwt({ secret: key.export({ format: 'pem', type: 'spki' }).toString(), algorithms: ['RS256'] }))
}

/** Servers on Koa 3. */
export const KOA_SERVERS: Readonly<Record<string, CreateListener>> = {
  koa3: () => app(),
  'koa3+countermark full': guarded(createFullChecks),
  'koa3+countermark full sodium': guarded(createFullChecks, sodiumVerifier),
  'koa3+countermark full tables': guarded(createFullChecks, tables),
  'koa3+countermark bearer': guarded(createBearerChecks),
  'koa3+koa-jwt': byKoaJwt,
}
