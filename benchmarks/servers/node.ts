import { createPublicKey, verify } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { type Guard, type GuardOptions, isThenable, type Verdict } from '@countermark/core'
import { createNodeGuard } from '@countermark/core/node'
import { createVerificationQueue, type VerifySignatureOptions } from '@countermark/signature'
import { sodiumVerifier } from '@countermark/signature/sodium'
import { verifySignature as verifyByHttpMessageSig } from 'http-message-sig'
import { createVerifier, httpbis } from 'http-message-signatures'
import { verify as verifyWebBotAuth } from 'web-bot-auth'
import { verifierFromJWK } from 'web-bot-auth/crypto'
import { AUTHORITY } from '../identity.ts'
import type { CreateListener } from '../server.ts'
import {
  type CreateChecks,
  createBearerChecks,
  createDpopChecks,
  createFullBodyChecks,
  createFullChecks,
  createSignatureChecks,
  GUARD_OPTIONS,
} from './countermark.ts'

const ORIGIN = `https://${AUTHORITY}`

const ok: RequestListener = (_request, response) => {
  response.end('{"ok":true}')
}

/** Guarded node:http: what every adapter is made of, without a framework. */
function guarded(
  createChecks: CreateChecks,
  options: Partial<GuardOptions> = {},
  signature: Partial<VerifySignatureOptions> = {},
): CreateListener {
  return (identity) => {
    const { compose, toAgentRequest } = createNodeGuard({ ...GUARD_OPTIONS, ...options })
    const guard: Guard = compose({}, createChecks(identity, signature))
    return (message, response) => {
      const apply = (verdict: Verdict): void => {
        if (verdict.outcome === 'allow') return void ok(message, response)
        response.writeHead(verdict.reply.status, verdict.reply.headers.flat()).end(verdict.reply.body)
      }
      const verdict = guard(
        toAgentRequest({ message, originalUrl: message.url ?? '', route: () => ({ template: '/', parameters: {} }) }),
      )
      if (isThenable(verdict)) void verdict.then(apply)
      else apply(verdict)
    }
  }
}

/** The unit: one verification of fixed bytes and nothing else. */
const rawVerify: CreateListener = ({ agentKey, unit }) => {
  const key = createPublicKey({ key: agentKey.publicJwk, format: 'jwk' })
  const base = Buffer.from(unit.base)
  const signature = Buffer.from(unit.signature, 'base64')
  return (request, response) => {
    if (!verify(null, base, key, signature)) throw new Error('the unit must verify')
    ok(request, response)
  }
}

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

/** Servers on bare node:http. */
export const NODE_SERVERS: Readonly<Record<string, CreateListener>> = {
  node: () => ok,
  'node+raw-verify': rawVerify,
  'node+countermark': guarded(createSignatureChecks),
  'node+countermark body': guarded(createSignatureChecks),
  'node+countermark simple-v1': guarded(createSignatureChecks),
  'node+countermark refused early': guarded(createSignatureChecks),
  'node+countermark new tokens': guarded(createBearerChecks),
  'node+countermark sodium': (identity) => guarded(createSignatureChecks, { verifier: sodiumVerifier() })(identity),
  'node+countermark thread pool': (identity) => {
    return guarded(createSignatureChecks, {}, { queue: createVerificationQueue({ syncPerTurn: 0 }) })(identity)
  },
  'node+countermark full': guarded(createFullChecks),
  'node+countermark full sodium': (identity) => guarded(createFullChecks, { verifier: sodiumVerifier() })(identity),
  'node+countermark full body': guarded(createFullBodyChecks),
  'node+countermark bearer': guarded(createBearerChecks),
  'node+countermark dpop': guarded(createDpopChecks),
  'node+http-message-signatures': byHttpMessageSignatures,
  'node+http-message-sig': byHttpMessageSig,
  'node+web-bot-auth': byWebBotAuth,
}
