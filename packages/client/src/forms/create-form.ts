import { Misconfigured } from '@countermark/core'
import type { SignedFetchOptions } from '../agent-fetch-options.ts'
import type { SigningIdentity } from '../signing-key.ts'
import { createDpopForm } from './dpop.ts'
import { createHttpsigForm } from './httpsig.ts'
import type { SigningForm } from './signing-form.ts'
import { createSimpleForm } from './simple.ts'

type Form = NonNullable<SignedFetchOptions['form']>
type CreateForm = (options: SignedFetchOptions, identity: SigningIdentity) => SigningForm

const FORMS: Readonly<Record<Form, CreateForm>> = {
  httpsig: createHttpsigForm,
  'simple-v1': (options, identity) => createSimpleForm(options, identity, 1),
  'simple-v0': (options, identity) => createSimpleForm(options, identity, 0),
  dpop: createDpopForm,
}

const OPTIONS_OF_ONE_FORM: readonly (readonly [keyof SignedFetchOptions, (form: Form) => boolean])[] = [
  ['cover', (form) => form === 'httpsig'],
  ['signatureAgent', (form) => form === 'httpsig'],
  ['expiresSeconds', (form) => form === 'httpsig'],
  ['headerNames', (form) => form === 'simple-v0' || form === 'simple-v1'],
]

/**
 * Makes the form that the options name, with the options that belong to it.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createForm(options: SignedFetchOptions, identity: SigningIdentity): SigningForm {
  const { form = 'httpsig' } = options
  if (!Object.hasOwn(FORMS, form)) throw invalid(`form must be one of ${Object.keys(FORMS).join(', ')}`)
  for (const [name, belongsTo] of OPTIONS_OF_ONE_FORM) {
    if (options[name] !== undefined && !belongsTo(form)) throw invalid(`${name} means nothing in form ${form}`)
  }
  return FORMS[form](options, identity)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
