export { createAcceptSignature, parseAcceptSignature, type RequestedSignature } from './accept-signature.ts'
export type { ComponentList } from './component-list.ts'
export { checkContentDigest, createContentDigest, type DigestAlgorithm, WANT_CONTENT_DIGEST } from './content-digest.ts'
export { type CoveragePolicy, type CoverageRule, SECURITY_FIELDS } from './coverage.ts'
export type { FieldType } from './field-component.ts'
export type { HttpSignaturesOptions } from './http-signature-settings.ts'
export { httpSignatures } from './http-signatures.ts'
export { createSignatureInput, type NewSignatureInput } from './new-signature-input.ts'
export { type MessageSignature, type SignMessageOptions, signMessage } from './sign-message.ts'
export { type SignResponseOptions, signResponse } from './sign-response.ts'
export type { SignableMessage, SignableRequest, SignableResponse } from './signable-message.ts'
export { createSignatureBase, type SignatureBaseOptions } from './signature-base.ts'
export type { SignatureFacts } from './signature-facts.ts'
export { parseSignatureInput, type SignatureInput, type SignatureParameters } from './signature-input.ts'
export type { Candidate, SignatureScheme } from './signature-scheme.ts'
export {
  type MessagePolicy,
  type VerifiedMessage,
  type VerifyMessageOptions,
  verifyMessage,
} from './verify-message.ts'
export { type VerifyResponseOptions, verifyResponse } from './verify-response.ts'
export { type VerifySignatureOptions, verifySignature } from './verify-signature.ts'
