export type { JsonValue } from '@countermark/core/internal'
export { createAcceptSignature, parseAcceptSignature, type RequestedSignature } from './accept-signature.ts'
export type { ActionLimits, Money } from './action-limits.ts'
export type { ActionStatement } from './action-statement.ts'
export { answerMessageChallenge, type ChallengeAnswer, type ChallengeToAnswer } from './challenge-answer.ts'
export type { ChallengeRequest } from './challenge-ledger.ts'
export type { ComponentList } from './component-list.ts'
export { checkContentDigest, createContentDigest, type DigestAlgorithm, WANT_CONTENT_DIGEST } from './content-digest.ts'
export { type CoveragePolicy, type CoverageRule, SECURITY_FIELDS } from './coverage.ts'
export type { FieldType } from './field-component.ts'
export type { HttpSignaturesOptions } from './http-signature-settings.ts'
export { httpSignatures } from './http-signatures.ts'
export {
  type AnsweredChallenge,
  createMessageChallenges,
  type LocalChallengesOptions,
  type MessageChallenge,
  type MessageChallenges,
  type MessageChallengesOptions,
  type SharedChallengesOptions,
} from './message-challenges.ts'
export { createSignatureInput, type NewSignatureInput } from './new-signature-input.ts'
export { type ActionToSign, signAction } from './sign-action.ts'
export { type SignFunction, type SigningKey, signBytes } from './sign-bytes.ts'
export { type MessageSignature, type SignMessageOptions, signMessage } from './sign-message.ts'
export { type SignResponseOptions, signResponse } from './sign-response.ts'
export { type SimpleSigner, type SimpleV1Request, signSimpleV0, signSimpleV1 } from './sign-simple.ts'
export type { SignableMessage, SignableRequest, SignableResponse } from './signable-message.ts'
export { createSignatureBase, type SignatureBaseOptions } from './signature-base.ts'
export type { SignatureFacts } from './signature-facts.ts'
export { parseSignatureInput, type SignatureInput, type SignatureParameters } from './signature-input.ts'
export type { Candidate, SignatureScheme } from './signature-scheme.ts'
export type { SignedAction } from './signed-action.ts'
export type { SignerRevocations } from './signer-revocations.ts'
export { completeHeaderNames, type SimpleHeaderNames } from './simple-header-names.ts'
export {
  type SimpleHeadersOptions,
  type SimpleHeadersV0Options,
  type SimpleHeadersV1Options,
  simpleHeaders,
} from './simple-headers.ts'
export { standaloneEnvironment } from './standalone-environment.ts'
export {
  createVerificationQueue,
  type Verification,
  type VerificationQueue,
  type VerificationQueueOptions,
} from './verification-queue.ts'
export { type ActionVerifier, type ActionVerifierOptions, type VerifiedAction, verifyAction } from './verify-action.ts'
export {
  type MessagePolicy,
  type VerifiedMessage,
  type VerifyMessageOptions,
  verifyMessage,
} from './verify-message.ts'
export { type VerifyResponseOptions, verifyResponse } from './verify-response.ts'
export { type VerifySignatureOptions, verifySignature } from './verify-signature.ts'
