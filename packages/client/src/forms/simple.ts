import {
  completeHeaderNames,
  type SigningKey,
  type SimpleHeaderNames,
  signSimpleV0,
  signSimpleV1,
} from '@countermark/signature'
import { parseChallenges } from '../challenges/www-authenticate.ts'
import type { Challenge, SigningForm } from './signing-form.ts'

/** Who signs in a simple form, and under which names. */
interface SimpleFormOptions {
  readonly version: 0 | 1
  readonly agentId: string
  readonly key: SigningKey
  /** Sent when given: which of the agent's keys. */
  readonly keyId: string | undefined
  readonly names: SimpleHeaderNames | undefined
}

/**
 * The simple header forms: nine lines (version 1), or body and timestamp alone (version 0).
 * @throws Misconfigured for names that cannot be
 */
export function createSimpleForm(options: SimpleFormOptions): SigningForm {
  const { version } = options
  const names = completeHeaderNames(options.names)
  const signatureField = `${names.signature.toLowerCase()};req`
  const nonceField = `${names.nonce.toLowerCase()};req`
  return {
    ownFields: new Set([...Object.values(names).map((name) => name.toLowerCase()), 'signature-input']),
    rereadsBlobs: false,
    sign: version === 1 ? signV1(options) : signV0(options),
    readChallenge: version === 1 ? (_sent, response) => readNonce(response) : () => undefined,
    bindingOf: () => ({ oneOf: version === 1 ? [signatureField, nonceField] : [signatureField] }),
  }
}

function signV1(options: SimpleFormOptions): SigningForm['sign'] {
  const { agentId, key, keyId, names } = options
  return ({ method, url, target, headers, body }, { nowMs, nonce }) => {
    const fieldOf = (field: string): string | undefined => headers.find(([name]) => name === field)?.[1]
    const token = fieldOf('agent-delegation') ?? fieldOf('authorization')
    return signSimpleV1({
      agentId,
      key,
      method,
      authority: url.host,
      target,
      timestamp: Math.floor(nowMs / 1000),
      nonce,
      ...(body?.bytes === undefined ? {} : { body: body.bytes }),
      ...(token === undefined ? {} : { token }),
      ...(keyId === undefined ? {} : { keyId }),
      ...(names === undefined ? {} : { headers: names }),
    })
  }
}

function signV0({ agentId, key, names }: SimpleFormOptions): SigningForm['sign'] {
  return ({ body }, { nowMs }) =>
    signSimpleV0({
      agentId,
      key,
      timestamp: Math.floor(nowMs / 1000),
      ...(body?.bytes === undefined ? {} : { body: body.bytes }),
      ...(names === undefined ? {} : { headers: names }),
    })
}

/** `WWW-Authenticate: Agent-Auth version="1", headers="…", nonce="…"`. */
function readNonce(response: Response): Challenge | undefined {
  const asked = parseChallenges(response.headers.get('www-authenticate') ?? '').find(
    ({ scheme, parameters }) => scheme === 'agent-auth' && parameters.get('version') === '1',
  )
  const nonce = asked?.parameters.get('nonce')
  return nonce !== undefined && /^[A-Za-z0-9._~+/=:-]{1,128}$/.test(nonce) ? { nonce } : undefined
}
