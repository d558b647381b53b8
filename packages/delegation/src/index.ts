export type { JsonObject } from '@countermark/core/internal'
export type { DpopOptions } from './binding/dpop.ts'
export type { CertificateSource } from './binding/mtls.ts'
export { permitsActor } from './chain/actor-chain.ts'
export { type DelegateOfflineOptions, delegateOffline, type LinkSigner } from './chain/delegate-offline.ts'
export type { OfflineDelegationOptions, VerifyDelegationOptions } from './delegation-options.ts'
export type { IssuerKeyPlace } from './issuers/issuer-keys.ts'
export type { IssuerOptions } from './issuers/issuer-options.ts'
export {
  auth0,
  countermarkAuthority,
  entra,
  google,
  keycloak,
  okta,
  type PresetChanges,
  spiffe,
} from './issuers/presets.ts'
export { type ClaimExpectation, type ClaimValue, requireClaims } from './require-claims.ts'
export type { IntrospectionOptions } from './revocation/introspection.ts'
export type { RevocationEvent, RevocationName } from './revocation/revocation-event.ts'
export {
  createRevocations,
  type Revocable,
  type Revocations,
  type RevocationsOptions,
} from './revocation/revocations.ts'
export type { JoseAlgorithm } from './token/jws-key.ts'
export type { DelegationFacts } from './token/verified-token.ts'
export { verifyDelegation } from './verify-delegation.ts'
