export type { AuthorityOptions, TokenOptions } from './authority-options.ts'
export type { PeopleOptions } from './callers/authenticate.ts'
export { type Authority, createAuthority } from './create-authority.ts'
export type { KeyAges, KeyPolicy } from './registry/key-policy.ts'
export type { RegisteredAgent } from './registry/registered-agent.ts'
export { createSealAtRest, type EncryptionKeys, type SealAtRest } from './signing-keys/sealed-key.ts'
export {
  type AuthoritySigner,
  type PublishedJwk,
  remoteSigningKeys,
  type SigningAlgorithm,
  type SigningKeys,
  type SigningKeysOptions,
  type StoredSigningKeys,
  storedSigningKeys,
} from './signing-keys/signing-keys.ts'
export type { DoorStreamLimits } from './stop/door-streams.ts'
export type { PushOptions } from './stop/redis-push.ts'
export { migrateDown, migrateUp } from './storage/migrate.ts'
export { openStore } from './storage/open-store.ts'
export { type PostgresStoreOptions, postgresStore } from './storage/postgres-store.ts'
export { type SqliteStoreOptions, sqliteStore } from './storage/sqlite-store.ts'
export type { Migration, Store, StoredTables } from './storage/store.ts'
export type { ConsentOptions } from './tokens/consent/consent-options.ts'
export type { RevocationTarget } from './tokens/revocation/revoke-tokens.ts'
export type { TrustedIssuers, UserIssuer } from './tokens/subject-tokens/trusted-issuers.ts'
export type { ServiceOptions } from './tokens/token-options.ts'
export type { TokenService } from './tokens/token-service.ts'
