import { createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Check } from '@countermark/core'
import { createGuard } from '@countermark/express'
import express, { type Express, type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import { AUDIENCE, ISSUER } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import {
  type CreateChecks,
  createBearerChecks,
  createDpopChecks,
  createFullChecks,
  createSignatureChecks,
  GUARD_OPTIONS,
} from './countermark.ts'

function app(...handlers: readonly RequestHandler[]): Express {
  const application = express()
  for (const handler of handlers) application.use(handler)
  application.get('/', (_request, response) => void response.json({ ok: true }))
  return application
}

function guarded(createChecks: CreateChecks): CreateListener {
  return (identity) => {
    const checks = createChecks(identity)
    return app(createGuard(GUARD_OPTIONS)(...(checks as unknown as [Check])))
  }
}

/** A real JWKS endpoint for middlewares that insist on fetching. */
function jwksUri(jwk: object): () => string {
  const server = createServer((_request, response) => {
    response
      .setHeader('Content-Type', 'application/json')
      .end(JSON.stringify({ keys: [{ ...jwk, kid: 'rsa-1', alg: 'RS256', use: 'sig' }] }))
  }).listen(0, '127.0.0.1')
  return () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function byOauth2JwtBearer(dpop: { readonly enabled: boolean; readonly required: boolean }): CreateListener {
  return ({ issuerRsaKey }) => {
    const uri = jwksUri(issuerRsaKey.publicJwk)
    let check: RequestHandler | undefined
    // Its key endpoint has a port only after listening, so the middleware is made on the first request.
    return app((request, response, next) => {
      check ??= auth({ issuer: ISSUER, audience: AUDIENCE, jwksUri: uri(), tokenSigningAlg: 'RS256', dpop })
      check(request, response, next)
    })
  }
}

const byExpressJwt: CreateListener = ({ issuerRsaKey }) => {
  const secret = createPublicKey({ key: issuerRsaKey.publicJwk, format: 'jwk' })
  return app(expressjwt({ secret: secret as never, algorithms: ['RS256'] }))
}

/** Servers on Express 5. */
export const EXPRESS_SERVERS: Readonly<Record<string, CreateListener>> = {
  express5: () => app(),
  'express5+countermark': guarded(createSignatureChecks),
  'express5+countermark full': guarded(createFullChecks),
  'express5+countermark bearer': guarded(createBearerChecks),
  'express5+countermark dpop': guarded(createDpopChecks),
  'express5+express-jwt': byExpressJwt,
  'express5+express-oauth2-jwt-bearer': byOauth2JwtBearer({ enabled: false, required: false }),
  'express5+express-oauth2-jwt-bearer dpop': byOauth2JwtBearer({ enabled: true, required: true }),
}
