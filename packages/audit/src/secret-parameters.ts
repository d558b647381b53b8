import { Misconfigured, requireStrings } from '@countermark/core'

/** Finds and hides query parameters that hold credentials. */
export interface SecretParameters {
  /** Whether a text with a query in it holds one. */
  readonly occurIn: (text: string) => boolean
  /** The text with each value replaced by `…`. */
  readonly hideIn: (text: string) => string
}

/** Parameters that hold credentials wherever they are used. */
export const SECRET_PARAMETERS: readonly string[] = [
  ...[
    'access_token',
    'api_key',
    'apikey',
    'assertion',
    'auth',
    'client_assertion',
    'client_secret',
    'code',
    'code_verifier',
  ],
  ...['credential', 'id_token', 'jwt', 'key', 'password', 'passwd', 'pwd', 'refresh_token', 'secret', 'session', 'sid'],
  ...['sig', 'signature', 'subject_token', 'token', 'x-amz-credential', 'x-amz-security-token', 'x-amz-signature'],
]

/**
 * Prepares the search.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function secretParameters(names: readonly string[]): SecretParameters {
  for (const name of requireStrings('secretParameters', names)) {
    if (/^[A-Za-z0-9._~-]{1,64}$/.test(name)) continue
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'each of secretParameters must be the plain name of a query parameter',
    )
  }
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  // Most requests have none of these words, and nothing encoded: one look is enough for them.
  const suspect = new RegExp(`%|${names.map((name) => name.replaceAll('.', '\\.')).join('|')}`, 'i')
  const isSecret = (written: string): boolean => wanted.has(plainName(written))
  const isWorthReading = (text: string): boolean => names.length > 0 && text.includes('=') && suspect.test(text)
  return {
    occurIn: (text) => isWorthReading(text) && [...text.matchAll(PAIR)].some(([, , name = '']) => isSecret(name)),
    hideIn: (text) => {
      if (!isWorthReading(text)) return text
      return text.replace(PAIR, (whole, start: string, name: string) => (isSecret(name) ? `${start}${name}=…` : whole))
    },
  }
}

const PAIR = /([?&;])([^?=&;]*)=([^&;]*)/g

/** `access%5Ftoken` is `access_token` to whoever parses the query. */
function plainName(written: string): string {
  try {
    return decodeURIComponent(written.replaceAll('+', ' ')).toLowerCase()
  } catch {
    // What cannot be decoded is no name that a parser would find.
    return written.toLowerCase()
  }
}
