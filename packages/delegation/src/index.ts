export type { CertificateSource } from './client-certificate.ts'
export { type DelegateOfflineOptions, delegateOffline, type LinkSigner } from './delegate-offline.ts'
export type { OfflineDelegationOptions, VerifyDelegationOptions } from './delegation-options.ts'
export type { DpopOptions } from './dpop.ts'
export type { IntrospectionOptions } from './introspection.ts'
export type { IssuerKeyPlace } from './issuer-keys.ts'
export type { IssuerOptions } from './issuer-options.ts'
export {
  auth0,
  countermarkAuthority,
  entra,
  google,
  keycloak,
  okta,
  type PresetChanges,
  spiffe,
} from './issuer-presets.ts'
export type { JoseAlgorithm } from './jose-algorithm.ts'
export { permitsActor } from './permits-actor.ts'
export { type ClaimExpectation, type ClaimValue, requireClaims } from './require-claims.ts'
export type { RevocationEvent, RevocationName } from './revocation-event.ts'
export { createRevocations, type Revocable, type Revocations, type RevocationsOptions } from './revocations.ts'
export type { JsonObject } from './strict-json.ts'
export type { DelegationFacts } from './verified-token.ts'
export { verifyDelegation } from './verify-delegation.ts'
