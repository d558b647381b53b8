import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '@countermark/core'
import { canonicalJson, type PublicJwk, thumbprintOf } from '@countermark/core/internal'
import type { Transaction } from 'kysely'
import type { Store } from '../storage/store.ts'
import type { SealAtRest } from './sealed-key.ts'
import type { SigningKeyRow, SigningKeyTables } from './signing-key-tables.ts'

/** JOSE names of what signs. */
export type SigningAlgorithm = 'EdDSA' | 'ES256'

/** A key that signs now. */
export interface AuthoritySigner {
  /** The name of the key, as tokens carry it. */
  readonly kid: string
  /** What it signs with. */
  readonly algorithm: SigningAlgorithm
  /** The signature as JWS has it: 64 bytes. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>
}

/** A public key for a JWKS: with `kid`, `alg` and `use`. */
export type PublishedJwk = PublicJwk & { readonly kid: string; readonly alg: SigningAlgorithm; readonly use: 'sig' }

/** What signs for the authority: keys in its own database, or a service that keeps them (KMS, HSM). */
export interface SigningKeys {
  /** The key that signs at this moment; the first one is made when there is none. */
  readonly findSigner: () => Promise<AuthoritySigner>
  /** Every key that a token may name: those that sign soon, sign now, or have signed what is still valid. */
  readonly listPublicKeys: () => Promise<readonly PublishedJwk[]>
}

/** Keys that the authority keeps itself. */
export interface StoredSigningKeys extends SigningKeys {
  /**
   * Publishes a new key. It signs `leadSeconds` later, and the old one stops then; the old one stays published for
   * `longestTokenSeconds` more. Answers with the new key's id.
   */
  readonly rotate: () => Promise<string>
  /** Seals every key again under the first of `encryptionKeys`; afterwards the others can be taken away. */
  readonly reseal: () => Promise<void>
}

/** What signing keys are made of. */
export interface SigningKeysOptions {
  /** Where keys are kept. */
  readonly store: Store
  /** What encrypts private keys before they are stored. */
  readonly seal: SealAtRest
  /** Tells when a key begins and ends to sign. */
  readonly clock: Clock
  /** @default 'EdDSA' */
  readonly algorithm?: SigningAlgorithm
  /** How long a key is published before it signs: longer than doors keep a JWKS. @default 3600 */
  readonly leadSeconds?: number
  /** How old a key becomes before the next one is published by itself. Days. @default keys stay until they are rotated by hand */
  readonly rotateAfterDays?: number
  /** Told when a rotation that was due failed; it is tried again. @default not told */
  readonly onFault?: (error: unknown) => void
  /** How long after its last signature a key stays published. @default 86400 */
  readonly longestTokenSeconds?: number
}

const LOCK = 'signing-keys'
const MOST_CACHED = 16
const DAY_MS = 86_400_000

/** Signing keys in the database, sealed by a key from the environment. */
export function storedSigningKeys(options: SigningKeysOptions): StoredSigningKeys {
  const { store, seal, clock, algorithm = 'EdDSA', leadSeconds = 3600, longestTokenSeconds = 86_400 } = options
  const { rotateAfterDays = Number.POSITIVE_INFINITY, onFault = () => undefined } = options
  const { reads, transaction } = store.tables<SigningKeyTables>()
  const opened = new Map<string, AuthoritySigner>()

  const addKey = async (tables: Transaction<SigningKeyTables>, signsFrom: number): Promise<SigningKeyRow> => {
    const row = { ...newRow(algorithm, seal), created_at: clock.wallMs(), signs_from: signsFrom }
    const whole = { ...row, signs_until: null, published_until: null }
    await tables.insertInto('signing_keys').values(whole).execute()
    return whole
  }
  const firstKey = (): Promise<SigningKeyRow> =>
    transaction(LOCK, async (tables) => {
      const nowMs = clock.wallMs()
      return signingNow(await listRows(tables), nowMs) ?? addKey(tables, nowMs)
    })
  const open = (row: SigningKeyRow): AuthoritySigner => {
    const known = opened.get(row.kid)
    if (known !== undefined) return known
    if (opened.size >= MOST_CACHED) opened.clear()
    const signer = openSigner(row, seal)
    opened.set(row.kid, signer)
    return signer
  }
  const rotate = (isDue: (rows: readonly SigningKeyRow[]) => boolean): Promise<string | undefined> =>
    transaction(LOCK, async (tables) => {
      // Of several processes that find it due, one rotates: the rows tell, not what was read before.
      if (!isDue(await listRows(tables))) return undefined
      const signsFrom = clock.wallMs() + leadSeconds * 1000
      const ending = { signs_until: signsFrom, published_until: signsFrom + longestTokenSeconds * 1000 }
      await tables.updateTable('signing_keys').set(ending).where('signs_until', 'is', null).execute()
      return (await addKey(tables, signsFrom)).kid
    })
  const isOld = (rows: readonly SigningKeyRow[]): boolean => {
    const latest = rows.at(-1)
    return latest !== undefined && clock.wallMs() - latest.created_at >= rotateAfterDays * DAY_MS
  }
  let rotating: Promise<unknown> | undefined
  /** Behind the one who asks, who may be inside of a transaction. */
  const rotateWhenDue = (rows: readonly SigningKeyRow[]): void => {
    if (rotating !== undefined || !isOld(rows)) return
    rotating = rotate(isOld)
      .catch(onFault)
      .finally(() => {
        rotating = undefined
      })
  }
  return {
    findSigner: async () => {
      const rows = await listRows(reads)
      rotateWhenDue(rows)
      return open(signingNow(rows, clock.wallMs()) ?? (await firstKey()))
    },
    listPublicKeys: async () => {
      if (signingNow(await listRows(reads), clock.wallMs()) === undefined) await firstKey()
      const nowMs = clock.wallMs()
      const rows = await listRows(reads)
      rotateWhenDue(rows)
      return rows.filter(({ published_until: until }) => until === null || nowMs < until).map(publishedJwk)
    },
    rotate: async () => (await rotate(() => true)) ?? '',
    reseal: () =>
      transaction(LOCK, async (tables) => {
        for (const { kid, sealed } of await listRows(tables)) {
          const again = seal.seal(kid, seal.open(kid, sealed))
          await tables.updateTable('signing_keys').set({ sealed: again }).where('kid', '=', kid).execute()
        }
      }),
  }
}

/** Keys of a service that signs by itself: they are published as given, and rotated there. */
export function remoteSigningKeys(signer: AuthoritySigner, publicKeys: readonly PublishedJwk[]): SigningKeys {
  return { findSigner: async () => signer, listPublicKeys: async () => publicKeys }
}

function listRows(tables: Pick<Transaction<SigningKeyTables>, 'selectFrom'>): Promise<SigningKeyRow[]> {
  return tables.selectFrom('signing_keys').selectAll().orderBy('signs_from').orderBy('kid').execute()
}

/** The latest key that may sign: one that was to stop still signs when the next one is not due yet. */
function signingNow(rows: readonly SigningKeyRow[], nowMs: number): SigningKeyRow | undefined {
  return rows.findLast((row) => row.signs_from <= nowMs && (row.signs_until === null || nowMs < row.signs_until))
}

function newRow(
  algorithm: SigningAlgorithm,
  seal: SealAtRest,
): Pick<SigningKeyRow, 'kid' | 'algorithm' | 'public_jwk' | 'sealed'> {
  const { privateKey, publicKey } =
    algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as PublicJwk
  const kid = thumbprintOf(jwk)
  const sealed = seal.seal(kid, privateKey.export({ format: 'der', type: 'pkcs8' }))
  return { kid, algorithm, public_jwk: canonicalJson(jwk), sealed }
}

function openSigner({ kid, algorithm, sealed }: SigningKeyRow, seal: SealAtRest): AuthoritySigner {
  const key = createPrivateKey({ key: seal.open(kid, sealed), format: 'der', type: 'pkcs8' })
  return { kid, algorithm: algorithm === 'ES256' ? 'ES256' : 'EdDSA', sign: (data) => signWith(key, data) }
}

function signWith(key: KeyObject, data: Uint8Array): Promise<Uint8Array> {
  const isEc = key.asymmetricKeyType === 'ec'
  return new Promise((resolve, reject) => {
    sign(isEc ? 'sha256' : null, data, { key, dsaEncoding: 'ieee-p1363' }, (error, signature) =>
      error ? reject(error) : resolve(signature),
    )
  })
}

function publishedJwk({ kid, algorithm, public_jwk: jwk }: SigningKeyRow): PublishedJwk {
  return { ...JSON.parse(jwk), kid, alg: algorithm, use: 'sig' }
}
