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
