/** How much a credential proves, weakest first. */
export type Level = 'identified' | 'bearer' | 'bound' | 'signed'

const RANK: Readonly<Record<Level, number>> = { identified: 0, bearer: 1, bound: 2, signed: 3 }

/** All levels, weakest first. */
export const LEVELS: readonly Level[] = ['identified', 'bearer', 'bound', 'signed']

/** Whether a level is at least another one. */
export function reachesLevel(level: Level, minimum: Level): boolean {
  return RANK[level] >= RANK[minimum]
}

/** Names of credentials of packages outside this repository: augment it, and name their rows in `CheckDescription.credentials`. */
// biome-ignore lint/suspicious/noEmptyInterface: an augmentation point has no members of its own
export interface ForeignSchemes {}

/** The ways a credential may be presented. A key for `simple-v0` is good for nothing else. */
export type Scheme = BuiltInScheme | keyof ForeignSchemes

type BuiltInScheme =
  | 'httpsig'
  | 'simple-v1'
  | 'simple-v0'
  | 'challenge'
  | 'action'
  | 'dpop'
  | 'mtls'
  | 'bearer'
  | 'api-key'

/** What a record in the audit trail proves to a reader who has nothing else. */
export type EvidenceGrade = 'signature' | 'signature+content' | 'signature+token' | 'possession' | 'bearer' | 'none'

/** One kind of credential. A check that verifies one of its own names it in `CheckDescription.credentials`. */
export interface CredentialScheme {
  /** Its name in facts, metrics and audit records. */
  readonly name: Scheme
  /** What it proves. */
  readonly level: Level
  /** Request fields, in lower case, that carry it: a second line or another spelling of one is refused. */
  readonly fields: readonly string[]
  /** Response fields that a script of another origin must see, or it cannot answer a challenge (Fetch standard, CORS). */
  readonly exposes: readonly string[]
  /** What a record of it proves. */
  readonly grade: EvidenceGrade
  /** The scheme of its challenge in `WWW-Authenticate`; `undefined` where it has none. */
  readonly challenge: string | undefined
}

const AGENT_FIELDS = ['agent-id', 'key-id', 'timestamp', 'nonce', 'agent-auth-version'] as const
const TOKEN_FIELDS = ['authorization', 'txn-token', 'agent-delegation', 'workload-identity-token'] as const
const SIGNATURE_ANSWERS = ['Accept-Signature', 'Signature-Error', 'Want-Content-Digest'] as const

function scheme(
  name: Scheme,
  level: Level,
  grade: EvidenceGrade,
  rest: Partial<CredentialScheme> = {},
): CredentialScheme {
  return { name, level, grade, fields: [], exposes: [], challenge: undefined, ...rest }
}

/** The kinds of credentials of this repository. */
export const CREDENTIAL_SCHEMES: readonly CredentialScheme[] = [
  scheme('httpsig', 'signed', 'signature', {
    fields: ['agent-id'],
    exposes: SIGNATURE_ANSWERS,
    challenge: 'Signature',
  }),
  scheme('simple-v1', 'signed', 'signature', { fields: AGENT_FIELDS, exposes: SIGNATURE_ANSWERS }),
  scheme('simple-v0', 'signed', 'signature+content', { fields: AGENT_FIELDS, exposes: SIGNATURE_ANSWERS }),
  scheme('challenge', 'signed', 'signature', { exposes: SIGNATURE_ANSWERS }),
  scheme('action', 'signed', 'signature', { exposes: SIGNATURE_ANSWERS }),
  scheme('dpop', 'bound', 'possession', {
    fields: [...TOKEN_FIELDS, 'dpop'],
    exposes: ['DPoP-Nonce'],
    challenge: 'DPoP',
  }),
  scheme('mtls', 'bound', 'bearer', { fields: TOKEN_FIELDS, challenge: 'Bearer' }),
  scheme('bearer', 'bearer', 'bearer', { fields: TOKEN_FIELDS, challenge: 'Bearer' }),
  scheme('api-key', 'identified', 'bearer', { fields: ['x-api-key'] }),
]

/** The request fields of some kinds of credentials, each once. */
export function fieldsOf(schemes: readonly CredentialScheme[]): readonly string[] {
  return [...new Set(schemes.flatMap(({ fields }) => fields))]
}

/** What a script of another origin must see of a refusal, as a list for `Access-Control-Expose-Headers`. */
export function exposedBy(schemes: readonly CredentialScheme[]): string {
  return [...new Set(['WWW-Authenticate', ...schemes.flatMap(({ exposes }) => exposes), 'Retry-After'])].join(', ')
}
