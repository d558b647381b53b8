import type { SigningForm } from '../signing-form.ts'

/** No signature: a proof of possession beside a token says who calls. An answer must belong to the proof. */
export function createDpopForm(): SigningForm {
  return {
    ownFields: new Set(['dpop']),
    rereadsBlobs: true,
    sign: () => [],
    readChallenge: () => undefined,
    bindingOf: () => ({ oneOf: ['dpop;req'] }),
  }
}
