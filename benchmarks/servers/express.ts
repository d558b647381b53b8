import { createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGuard } from '@countermark/express'
import express, { type Express, type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import type { CreateListener } from '../server.ts'
import { createChecks, GUARD_OPTIONS } from './countermark.ts'

function app(...handlers: readonly RequestHandler[]): Express {
  const application = express()
  for (const handler of handlers) application.use(handler)
  application.get('/', (_request, response) => void response.json({ ok: true }))
  return application
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

const byOauth2JwtBearer: CreateListener = (identity) => {
  const uri = jwksUri(createPublicKey(identity.rsaPublicPem).export({ format: 'jwk' }))
  let check: RequestHandler | undefined
  // Its key endpoint has a port only after listening, so the middleware is made on the first request.
  return app((request, response, next) => {
    check ??= auth({
      issuer: 'https://issuer.example/',
      audience: 'https://api.example.com',
      jwksUri: uri(),
      tokenSigningAlg: 'RS256',
    })
    check(request, response, next)
  })
}

/** Servers on Express 5. */
export const EXPRESS_SERVERS: Readonly<Record<string, CreateListener>> = {
  express5: () => app(),
  'express5+countermark': (identity) => app(createGuard(GUARD_OPTIONS)(...createChecks(identity))),
  'express5+express-jwt': ({ rsaPublicPem }) =>
    app(expressjwt({ secret: createPublicKey(rsaPublicPem) as never, algorithms: ['RS256'] })),
  'express5+express-oauth2-jwt-bearer': byOauth2JwtBearer,
}
