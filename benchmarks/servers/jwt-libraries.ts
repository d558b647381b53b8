import { createPublicKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { AUDIENCE, type BenchIdentity, ISSUER } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import { ok } from './node-guarded.ts'

const byJose: CreateListener = ({ issuerKey }) => {
  const keys = createLocalJWKSet({ keys: [{ ...issuerKey.publicJwk, kty: 'OKP', kid: 'ed-1', alg: 'EdDSA' }] })
  const options = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['EdDSA'] }
  return async (request, response) => {
    await jwtVerify(tokenOf(request.headers.authorization), keys, options)
    ok(request, response)
  }
}

function byFastJwt(algorithm: 'EdDSA' | 'RS256', cache: boolean): CreateListener {
  return (identity) => {
    const verify = createVerifier({
      key: pemOf(identity, algorithm),
      algorithms: [algorithm],
      allowedIss: ISSUER,
      allowedAud: AUDIENCE,
      cache,
    })
    return (request, response) => {
      verify(tokenOf(request.headers.authorization))
      ok(request, response)
    }
  }
}

function pemOf({ issuerKey, issuerRsaKey }: BenchIdentity, algorithm: 'EdDSA' | 'RS256'): string {
  const key = algorithm === 'EdDSA' ? issuerKey.publicJwk : issuerRsaKey.publicJwk
  return createPublicKey({ key, format: 'jwk' }).export({ format: 'pem', type: 'spki' }).toString()
}

function tokenOf(authorization = ''): string {
  return authorization.slice('Bearer '.length)
}

/** Servers on bare node:http that check a token and nothing else. */
export const JWT_SERVERS: Readonly<Record<string, CreateListener>> = {
  'node+jose, new tokens': byJose,
  'node+fast-jwt, new tokens': byFastJwt('EdDSA', false),
  'node+fast-jwt, one token, no cache': byFastJwt('RS256', false),
  'node+fast-jwt, one token, cache': byFastJwt('RS256', true),
}
