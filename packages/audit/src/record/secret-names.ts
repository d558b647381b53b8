/** Names that hold credentials wherever they are used. Case and separators make no difference: `accessToken` is `access_token`. */
export const SECRET_PARAMETERS: readonly string[] = [
  ...['access_token', 'api_key', 'assertion', 'auth', 'authorization', 'bearer', 'client_assertion', 'client_secret'],
  ...[
    'code',
    'code_verifier',
    'cookie',
    'credential',
    'csrf',
    'device_code',
    'id_token',
    'id_token_hint',
    'jwt',
    'key',
  ],
  ...[
    'logout_token',
    'oauth_signature',
    'oauth_token',
    'oauth_verifier',
    'otp',
    'passcode',
    'passwd',
    'password',
    'pin',
  ],
  ...[
    'pwd',
    'refresh_token',
    'secret',
    'sig',
    'signature',
    'subject_token',
    'ticket',
    'token',
    'tokens',
    'totp',
    'user_code',
  ],
  // Sessions, as servers name them.
  ...['jsessionid', 'phpsessid', 'sessid', 'session', 'session_id', 'session_key', 'sid'],
  // SAML 2.0 bindings, WS-Federation.
  ...['saml_art', 'saml_request', 'saml_response', 'wresult'],
  // Signed addresses of AWS, Google Cloud, Alibaba and Akamai; those of Azure have `sig`.
  ...['x-amz-credential', 'x-amz-security-token', 'x-amz-signature', 'aws_access_key_id', 'google_access_id'],
  ...['x-goog-credential', 'x-goog-signature', 'oss_access_key_id', 'hdnea', 'hdnts'],
]

/** A name of several words is secret when one of these is among them. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...['apikey', 'assertion', 'credential', 'credentials', 'jwt', 'passphrase', 'passwd', 'password', 'pwd', 'secret'],
  ...['secrets', 'sessionid'],
])

/** Or when it ends in one of these, ... */
const SECRET_ENDS: ReadonlySet<string> = new Set(['otp', 'passcode', 'sig', 'signature', 'token'])
/** ... but for what tells where a list goes on. */
const PLACES: ReadonlySet<string> = new Set(['continuation', 'next', 'page', 'sync'])
/** What opens something, as far as keys do: a sort key is no secret. */
const KEYS: ReadonlySet<string> = new Set([
  ...[
    'access',
    'account',
    'api',
    'auth',
    'encryption',
    'master',
    'private',
    'secret',
    'shared',
    'signing',
    'subscription',
  ],
])

/** Tells whether a name, as it stands in a query or in JSON, is that of a credential. */
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

function isSecretKind(words: readonly string[]): boolean {
  const [last = '', before = ''] = [words.at(-1), words.at(-2)]
  if (words.some((word) => SECRET_WORDS.has(word))) return true
  if (SECRET_ENDS.has(last)) return !PLACES.has(before)
  if (last === 'key') return KEYS.has(before)
  return last === 'id' && (before === 'session' || (before === 'key' && words.at(-3) === 'access'))
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

/** `access%5Ftoken` is `access_token` to whoever parses the query, and so it is when encoded twice. */
function decodedName(written: string): string {
  let name = written
  for (let times = 0; times < 2 && /[%+]/.test(name); times++) {
    try {
      name = decodeURIComponent(name.replaceAll('+', ' '))
    } catch {
      // What cannot be decoded is no name that a parser would find.
      return name
    }
  }
  return name
}
