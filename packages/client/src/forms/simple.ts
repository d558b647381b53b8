import { Misconfigured } from '@countermark/core'
import { completeHeaderNames, signSimpleV0, signSimpleV1 } from '@countermark/signature'
import type { SignedFetchOptions } from '../agent-fetch-options.ts'
import { parseChallenges } from '../challenges/www-authenticate.ts'
import type { SigningIdentity } from '../signing-key.ts'
import type { Challenge, SigningForm } from './signing-form.ts'

interface Signer extends Pick<SigningIdentity, 'key' | 'keyId' | 'isNamed'> {
  readonly agentId: string
  readonly headerNames: SignedFetchOptions['headerNames'] | undefined
}

/**
 * The simple header forms: nine lines (version 1), or body and timestamp alone (version 0).
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createSimpleForm(
  { agentId, headerNames }: SignedFetchOptions,
  { key, keyId, algorithm, isNamed }: SigningIdentity,
  version: 0 | 1,
): SigningForm {
  if (version === 0 && algorithm !== 'ed25519') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'form simple-v0 is for Ed25519 keys')
  }
  const signer = { agentId, headerNames, key, keyId, isNamed }
  const names = completeHeaderNames(headerNames)
  const signatureField = `${names.signature.toLowerCase()};req`
  const nonceField = `${names.nonce.toLowerCase()};req`
  return {
    ownFields: new Set([...Object.values(names).map((name) => name.toLowerCase()), 'signature-input']),
    rereadsBlobs: false,
    sign: version === 1 ? signV1(signer) : signV0(signer),
    readChallenge: version === 1 ? (_sent, response) => readNonce(response) : () => undefined,
    bindingOf: () => ({ oneOf: version === 1 ? [signatureField, nonceField] : [signatureField] }),
  }
}

function signV1({ agentId, headerNames, key, keyId, isNamed }: Signer): SigningForm['sign'] {
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
      ...(isNamed ? { keyId } : {}),
      ...(headerNames === undefined ? {} : { headers: headerNames }),
    })
  }
}

function signV0({ agentId, headerNames, key }: Signer): SigningForm['sign'] {
  return ({ body }, { nowMs }) =>
    signSimpleV0({
      agentId,
      key,
      timestamp: Math.floor(nowMs / 1000),
      ...(body?.bytes === undefined ? {} : { body: body.bytes }),
      ...(headerNames === undefined ? {} : { headers: headerNames }),
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
