import { createPublicKey, verify } from 'node:crypto'
import { verifySignature as verifyByHttpMessageSig } from 'http-message-sig'
import { createVerifier, httpbis } from 'http-message-signatures'
import { verify as verifyWebBotAuth } from 'web-bot-auth'
import { verifierFromJWK } from 'web-bot-auth/crypto'
import { AUTHORITY } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import { ok } from './node-guarded.ts'

const ORIGIN = `https://${AUTHORITY}`

const byHttpMessageSignatures: CreateListener = (identity) => {
  const key = createPublicKey({ key: identity.agentKey.publicJwk, format: 'jwk' })
  const verifier = {
    id: identity.agentKey.thumbprint,
    algs: ['ed25519' as const],
    verify: createVerifier(key, 'ed25519'),
  }
  const config = {
    keyLookup: async () => verifier,
    requiredParams: ['created', 'keyid', 'nonce'],
    requiredFields: ['@method', '@authority', '@path'],
    maxAge: 300,
  }
  return async (request, response) => {
    const { method = '', url = '', headers } = request
    const message = { method, url: ORIGIN + url, headers: headers as Record<string, string> }
    response.statusCode = (await httpbis.verifyMessage(config, message)) === true ? 200 : 401
    ok(request, response)
  }
}

const byHttpMessageSig: CreateListener = (identity) => {
  const key = createPublicKey({ key: identity.agentKey.publicJwk, format: 'jwk' })
  const verifier = {
    algorithm: 'ed25519',
    verify: (data: Uint8Array, signature: Uint8Array) => verify(null, data, key, signature),
  }
  const policy = {
    algorithms: ['ed25519'],
    requiredComponents: ['@method', '@authority', '@path'],
    requiredParameters: ['created', 'keyid', 'nonce'],
    maxAge: 300,
    clockSkew: 30,
  }
  return async (request, response) => {
    const fields: { name: string; value: string }[] = []
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      fields.push({ name: request.rawHeaders[index] ?? '', value: request.rawHeaders[index + 1] ?? '' })
    }
    const message = {
      kind: 'request',
      method: request.method ?? '',
      targetUri: ORIGIN + request.url,
      fields,
    } as const
    await verifyByHttpMessageSig(message, { policy, resolveVerifier: () => verifier })
    ok(request, response)
  }
}

const byWebBotAuth: CreateListener = (identity) => {
  const pending = verifierFromJWK(identity.agentKey.publicJwk)
  return async (request, response) => {
    const url = ORIGIN + request.url
    const headers = request.headers as Record<string, string>
    await verifyWebBotAuth({ method: request.method ?? '', url, headers } as never, await pending)
    ok(request, response)
  }
}

/** Servers on bare node:http that verify a signature with a library of others. */
export const SIGNATURE_SERVERS: Readonly<Record<string, CreateListener>> = {
  'node+http-message-signatures': byHttpMessageSignatures,
  'node+http-message-sig': byHttpMessageSig,
  'node+web-bot-auth': byWebBotAuth,
}
