import { Misconfigured } from '@countermark/core'
import { requireStrings } from '@countermark/core/internal'

/** Parameters of a query, of a path (`;jsessionid=…`), of a form, and words with `=` in a sentence. */
const PAIR = /(^|[?&;#\s,])([^?=&;#\s,/]{1,256})(=)([^&;#\s]*)/g
const JSON_PAIR = /"([^"\\]{1,256})"\s*:\s*"(?:[^"\\]|\\.)*"/g

const KINDS = '%|\\[|token|secret|pass|pwd|key|sig|cred|assert|jwt|session|otp'

/** Credentials that show what they are: JSON Web Tokens, keys of well-known services, private keys, passwords in addresses. */
const SHAPES = new RegExp(
  [
    String.raw`\beyJ[\w-]{8,}\.[\w-]{2,}\.[\w-]*`,
    String.raw`\b(?:sk|rk|pk)_(?:live|test)_\w{8,}`,
    String.raw`\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{8,}|npm_\w{32,})`,
    String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,
    String.raw`\bAIza[\w-]{30,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*`,
    String.raw`(?<=:\/\/)[^\s/@:]*:[^\s/@]+(?=@)`,
    String.raw`(?<=\b(?:Bearer|DPoP|Basic)(?: |\+|%20))[\w.~+/-]{8,}=*`,
  ].join('|'),
  'gi',
)
const SHAPE_SUSPECT = /eyj|[srp]k_|gh[pousr]_|github_|glpat|xox|npm_|A[KS]IA|AIza|BEGIN|@|bearer|dpop|basic/i

/**
 * Finds credentials in texts that callers choose, and replaces each by `…`. Besides the names listed, names of these kinds
 * count: tokens, passwords, secrets, API keys, signatures, assertions and sessions, in brackets and in camel case too.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export class SecretMask {
  private readonly isSecret: (name: string) => boolean
  /** Most requests have no such word, and nothing encoded: one look is enough for them. */
  private readonly suspect: RegExp

  constructor(names: readonly string[]) {
    for (const name of requireStrings('secretParameters', names)) {
      if (/^[A-Za-z0-9._~-]{1,64}$/.test(name)) continue
      const message = 'each of secretParameters must be the plain name of a query parameter'
      throw new Misconfigured('ERR_OPTION_INVALID', message)
    }
    this.isSecret = secretNames(names)
    this.suspect = suspicion([...names, ...SECRET_PARAMETERS])
  }

  /** Whether a text, with a query in it or not, holds a credential. */
  holdsSecret(text: string): boolean {
    return this.maskText(text) !== text
  }

  maskText(text: string): string {
    const shaped = SHAPE_SUSPECT.test(text) ? maskShapes(text) : text
    return this.isWorthReading(shaped) ? this.maskJsonPairs(this.maskPairs(shaped)) : shaped
  }

  /** Masks everything in a value that JSON can say: members by their names, texts by what they hold. */
  maskJson(value: unknown, isHidden = false): unknown {
    if (typeof value === 'string') return isHidden && value !== '' ? '…' : this.maskText(value)
    if (Array.isArray(value)) return value.map((entry) => this.maskJson(entry, isHidden))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value)
    const masked = entries.map(([name, member]) => [name, this.maskJson(member, isHidden || this.isSecret(name))])
    return Object.fromEntries(masked)
  }

  private isWorthReading(text: string): boolean {
    return (text.includes('=') || text.includes('%') || text.includes('"')) && this.suspect.test(text)
  }

  private maskPairs(text: string): string {
    return text.replace(PAIR, (whole, start: string, name: string, equals: string, value: string) => {
      if (value === '') return whole
      return this.isSecret(name) || this.holdsNested(value) ? `${start}${name}${equals}…` : whole
    })
  }

  private maskJsonPairs(text: string): string {
    return text.replace(JSON_PAIR, (whole, name: string) => (this.isSecret(name) ? '…' : whole))
  }

  /** A value that is itself an address with a query, or JSON, as it is or encoded once or twice. */
  private holdsNested(value: string): boolean {
    let text: string | undefined = value
    for (let times = 0; times < 3 && text !== undefined; times++) {
      if (SHAPE_SUSPECT.test(text) && maskShapes(text) !== text) return true
      if (text.includes('"') && this.maskJsonPairs(text) !== text) return true
      if (text.includes('=') && this.namesSecret(text)) return true
      text = text.includes('%') ? decode(text) : undefined
    }
    return false
  }

  private namesSecret(text: string): boolean {
    return text.replace(PAIR, (whole, _start, name: string) => (this.isSecret(name) ? '' : whole)) !== text
  }
}

function maskShapes(text: string): string {
  return text.replace(SHAPES, '…')
}

/** Every text with a credential holds one of these, however its name is written. */
function suspicion(names: readonly string[]): RegExp {
  const kinds = new RegExp(KINDS, 'i')
  const firstWords = names.filter((name) => !kinds.test(name)).map((name) => /[A-Za-z0-9]+/.exec(name)?.[0] ?? '')
  return new RegExp([KINDS, ...new Set(firstWords)].join('|'), 'i')
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // What cannot be decoded has no other reading.
    return undefined
  }
}

const words = (text: string): readonly string[] => text.split(' ')

/** Names that hold credentials wherever they are used. Case and separators make no difference: `accessToken` is `access_token`. */
export const SECRET_PARAMETERS: readonly string[] = [
  ...words(
    'access_token api_key assertion auth authorization bearer client_assertion client_secret code code_verifier',
  ),
  ...words(
    'cookie credential csrf device_code id_token id_token_hint jwt key logout_token oauth_signature oauth_token',
  ),
  ...words(
    'oauth_verifier otp passcode passwd password pin pwd refresh_token secret sig signature subject_token ticket',
  ),
  ...words('token tokens totp user_code'),
  // Sessions, as servers name them.
  ...words('jsessionid phpsessid sessid session session_id session_key sid'),
  // SAML 2.0 bindings, WS-Federation.
  ...words('saml_art saml_request saml_response wresult'),
  // Signed addresses of AWS, Google Cloud, Alibaba and Akamai; those of Azure have `sig`.
  ...words(
    'x-amz-credential x-amz-security-token x-amz-signature aws_access_key_id google_access_id x-goog-credential',
  ),
  ...words('x-goog-signature oss_access_key_id hdnea hdnts'),
]

/** A name of several words is secret when one of these is among them, */
const SECRET_WORDS: ReadonlySet<string> = new Set(
  words('apikey assertion credential credentials jwt passphrase passwd password pwd secret secrets sessionid'),
)
/** or when it ends in one of these, */
const SECRET_ENDS: ReadonlySet<string> = new Set(words('otp passcode sig signature token'))
/** unless it tells where a list goes on. */
const PLACES: ReadonlySet<string> = new Set(words('continuation next page sync'))
/** The words before `key` that make it a credential: a sort key is none. */
const KEYS: ReadonlySet<string> = new Set(
  words('access account api auth encryption master private secret shared signing subscription'),
)

/**
 * Components of a signature base whose values may stay. `plain`: never a credential. `freeText`, which agents write, and
 * `target`, which holds path or query: as long as no credential shows in them. A field that is not listed is replaced.
 */
export const SHOWN_COMPONENTS: ReadonlyMap<string, 'plain' | 'freeText' | 'target'> = new Map([
  ...words('@authority @method @scheme @signature-params @status accept content-digest content-encoding').map(asPlain),
  ...words('content-language content-length content-type date host repr-digest traceparent').map(asPlain),
  ...words('want-content-digest x-http-method x-http-method-override x-method-override').map(asPlain),
  ...words('agent-id agent-intent agent-instance mcp-method mcp-name origin signature-agent user-agent').map(
    asFreeText,
  ),
  ...words('@path @query @query-param @request-target @target-uri').map(asTarget),
])

function asPlain(name: string): [string, 'plain'] {
  return [name, 'plain']
}

function asFreeText(name: string): [string, 'freeText'] {
  return [name, 'freeText']
}

function asTarget(name: string): [string, 'target'] {
  return [name, 'target']
}

/** Tells whether a name, as a query or JSON has it, is that of a credential. */
export function secretNames(names: readonly string[]): (written: string) => boolean {
  const listed = new Set(names.map(plain))
  return (written) => {
    const name = decodedName(written)
    if (listed.has(plain(name))) return true
    // `filter[auth][token]` and `auth.token` name a token.
    const parts = name.split(/[[\].]+/).filter((part) => part !== '')
    return parts.some((part) => listed.has(plain(part)) || isSecretKind(wordsOf(part)))
  }
}

function isSecretKind(name: readonly string[]): boolean {
  const [last = '', before = ''] = [name.at(-1), name.at(-2)]
  if (name.some((word) => SECRET_WORDS.has(word))) return true
  if (SECRET_ENDS.has(last)) return !PLACES.has(before)
  if (last === 'key') return KEYS.has(before)
  return last === 'id' && (before === 'session' || (before === 'key' && name.at(-3) === 'access'))
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** `XAmzSecurityToken`, `x-amz-security-token` and `X_AMZ_SECURITY_TOKEN` have the same words. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

/** A parser of the query reads `access%5Ftoken` as `access_token`, and so does one that decodes twice. */
function decodedName(written: string): string {
  let name = written
  for (let times = 0; times < 2 && /[%+]/.test(name); times++) {
    try {
      name = decodeURIComponent(name.replaceAll('+', ' '))
    } catch {
      // No parser finds a name that cannot be decoded.
      return name
    }
  }
  return name
}
