import { Misconfigured, requireNumber } from '@countermark/core'
import type { AgentFetchOptions } from '../agent-fetch-options.ts'
import type { SigningIdentity } from '../signing-key.ts'
import { createDpopForm } from './dpop.ts'
import { createHttpsigForm } from './httpsig.ts'
import type { SigningForm } from './signing-form.ts'
import { createSimpleForm } from './simple.ts'

type Form = NonNullable<AgentFetchOptions['form']>
type CreateForm = (options: AgentFetchOptions, identity: SigningIdentity) => SigningForm

const FORMS: Readonly<Record<Form, CreateForm>> = {
  httpsig: createHttpsig,
  'simple-v1': (options, identity) => createSimple(options, identity, 1),
  'simple-v0': (options, identity) => createSimple(options, identity, 0),
  dpop: createDpopForm,
}

const OPTIONS_OF_ONE_FORM: readonly (readonly [keyof AgentFetchOptions, (form: Form) => boolean])[] = [
  ['cover', (form) => form === 'httpsig'],
  ['signatureAgent', (form) => form === 'httpsig'],
  ['expiresSeconds', (form) => form === 'httpsig'],
  ['headerNames', (form) => form === 'simple-v0' || form === 'simple-v1'],
]

/**
 * Makes the form that the options name, with the options that belong to it.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createForm(options: AgentFetchOptions, identity: SigningIdentity): SigningForm {
  const { form = 'httpsig' } = options
  if (!Object.hasOwn(FORMS, form)) throw invalid(`form must be one of ${Object.keys(FORMS).join(', ')}`)
  for (const [name, belongsTo] of OPTIONS_OF_ONE_FORM) {
    if (options[name] !== undefined && !belongsTo(form)) throw invalid(`${name} means nothing in form ${form}`)
  }
  return FORMS[form](options, identity)
}

function createHttpsig(options: AgentFetchOptions, identity: SigningIdentity): SigningForm {
  const { agentId, cover = [], signatureAgent, expiresSeconds = 60 } = options
  const { key, keyId, algorithm } = identity
  if (signatureAgent !== undefined && !isSecureOrigin(signatureAgent)) {
    throw invalid('signatureAgent must be an origin such as https://agent.example')
  }
  const names = cover.map((name) => String(name).toLowerCase())
  if (!names.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))) {
    throw invalid('each of cover must be the name of a header field')
  }
  return createHttpsigForm({
    agentId,
    key,
    keyId,
    algorithm,
    signatureAgent,
    cover: names,
    expiresSeconds: requireNumber('expiresSeconds', expiresSeconds, { min: 1, max: 300 }),
  })
}

function createSimple(options: AgentFetchOptions, identity: SigningIdentity, version: 0 | 1): SigningForm {
  const { agentId, headerNames } = options
  const { key, keyId, algorithm, isNamed } = identity
  if (version === 0 && algorithm !== 'ed25519') throw invalid('form simple-v0 is for Ed25519 keys')
  return createSimpleForm({ version, agentId, key, keyId: isNamed ? keyId : undefined, names: headerNames })
}

function isSecureOrigin(text: string): boolean {
  return URL.canParse(text) && text === new URL(text).origin && text.startsWith('https://')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
