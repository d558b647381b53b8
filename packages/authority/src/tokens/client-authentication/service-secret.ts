import { hash, timingSafeEqual } from 'node:crypto'
import type { AgentRequest } from '@countermark/core'
import type { Form } from '../http/form.ts'
import { OAuthError } from '../oauth-error.ts'
import type { ServiceClient } from './client.ts'

/** Services by their client id. Of a secret only the hash is kept. */
export type ServiceSecrets = ReadonlyMap<string, { readonly audience: string; readonly secretHash: Uint8Array }>

const BASIC = /^Basic ([A-Za-z0-9+/]+={0,2})$/i

/**
 * Authenticates a service by its secret (RFC 6749 section 2.3.1): in `Authorization`, or in the form.
 * @throws OAuthError `invalid_client`
 */
export function findServiceBySecret(request: AgentRequest, form: Form, secrets: ServiceSecrets): ServiceClient {
  const inForm = form.find('client_secret')
  const given = inForm === undefined ? readBasic(request) : { id: form.find('client_id') ?? '', secret: inForm }
  const known = secrets.get(given.id)
  const hashed = hashSecret(given.secret)
  // An unknown client is compared as well: the time taken must not tell which ids exist.
  const isRight = timingSafeEqual(hashed, known?.secretHash ?? hashSecret(`${given.secret} unknown`))
  const clientId = form.find('client_id')
  if (known === undefined || !isRight || (clientId !== undefined && clientId !== given.id)) {
    throw new OAuthError('invalid_client', 'the client or its secret is not known')
  }
  const method = inForm === undefined ? 'client_secret_basic' : 'client_secret_post'
  return { kind: 'service', id: given.id, audience: known.audience, method }
}

/** SHA-256: secrets are random and long, so that a slow hash would protect nothing. */
export function hashSecret(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer')
}

function readBasic({ headers }: AgentRequest): { readonly id: string; readonly secret: string } {
  const [, encoded] = BASIC.exec(headers.only('authorization') ?? '') ?? []
  const text = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const [id, secret] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)].map(decodeFormValue)
  if (colon > 0 && id !== undefined && secret !== undefined) return { id, secret }
  throw new OAuthError('invalid_client', 'Authorization must be Basic with a client id and its secret')
}

/** RFC 6749 section 2.3.1: each part was encoded like a form before both were. */
function decodeFormValue(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
