import { createPublicKey } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Check, SignatureVerifier } from '@countermark/core'
import { tables } from '@countermark/ed25519-tables'
import { createGuard, createServer } from '@countermark/express'
import { sodiumVerifier } from '@countermark/signature/sodium'
import express, { type Express, type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import express4 from 'express4'
import { AUDIENCE, type BenchIdentity, ISSUER } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import { type CreateChecks, createBearerChecks, createFullChecks, GUARD_OPTIONS } from './countermark.ts'

type CreateExpress = (identity: BenchIdentity) => Express

function app(...handlers: readonly RequestHandler[]): Express {
  return filled(express(), handlers)
}

function filled(application: Express, handlers: readonly RequestHandler[]): Express {
  for (const handler of handlers) application.use(handler)
  application.get('/', (_request, response) => void response.json({ ok: true }))
  return application
}

interface GuardedSetup {
  readonly verifier?: () => SignatureVerifier
  readonly create?: () => Express
}

function guarded(createChecks: CreateChecks, { verifier, create = express }: GuardedSetup = {}): CreateExpress {
  return (identity) => {
    const checks = createChecks(identity)
    const options = { ...GUARD_OPTIONS, ...(verifier === undefined ? {} : { verifier: verifier() }) }
    return filled(create(), [createGuard(options)(...(checks as unknown as [Check]))])
  }
}

/** By the server of `@countermark/express`, whose messages have the application's prototypes. */
function served(createApp: CreateExpress): CreateListener {
  return (identity) => createServer(createApp(identity))
}

/** A real JWKS endpoint for middlewares that insist on fetching. */
function jwksUri(jwk: object): () => string {
  const server = createHttpServer((_request, response) => {
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

/** Servers on Express 5, and on Express 4. */
export const EXPRESS_SERVERS: Readonly<Record<string, CreateListener>> = {
  express5: () => app(),
  'express5+countermark full': guarded(createFullChecks),
  'express5+countermark bearer': guarded(createBearerChecks),
  'express5 createServer': served(() => app()),
  'express5 createServer+countermark full': served(guarded(createFullChecks)),
  'express5 createServer+countermark full sodium': served(guarded(createFullChecks, { verifier: sodiumVerifier })),
  'express5 createServer+countermark full tables': served(guarded(createFullChecks, { verifier: tables })),
  'express5 createServer+countermark bearer': served(guarded(createBearerChecks)),
  'express5+express-jwt': byExpressJwt,
  'express5+express-oauth2-jwt-bearer': byOauth2JwtBearer({ enabled: false, required: false }),
  'express5+express-oauth2-jwt-bearer dpop': byOauth2JwtBearer({ enabled: true, required: true }),
  express4: () => filled(express4(), []),
  'express4 createServer': served(() => filled(express4(), [])),
  'express4+countermark full': guarded(createFullChecks, { create: express4 }),
  'express4 createServer+countermark full': served(guarded(createFullChecks, { create: express4 })),
}
