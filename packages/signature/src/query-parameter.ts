import { Refusal } from '@countermark/core'

/**
 * The value of one query parameter (RFC 9421 section 2.2.8): form-decoded, then percent-encoded again. Stricter than the
 * form parser of browsers: what cannot be decoded is refused, as two different bytes would both become U+FFFD.
 * @throws Refusal `signature_malformed`, `signature_invalid`
 */
export function readQueryParameter(query: string, name: string): string {
  let found: string | undefined
  for (const pair of query.slice(1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const rawName = equals === -1 ? pair : pair.slice(0, equals)
    if (recode(rawName) !== name) continue
    // RFC 9421 section 2.2.8: a parameter that occurs several times must not be covered.
    if (found !== undefined) throw new Refusal('signature_malformed', 'a covered query parameter occurs more than once')
    found = recode(equals === -1 ? '' : pair.slice(equals + 1))
  }
  if (found === undefined) throw new Refusal('signature_invalid', 'a covered query parameter is missing')
  return found
}

function recode(text: string): string {
  try {
    return percentEncode(decodeURIComponent(text.replaceAll('+', ' ')))
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new Refusal('signature_malformed', 'the query is not percent-encoded UTF-8', { cause: error })
  }
}

/** The form set of the URL Standard: all but letters, digits and `*-._`; a space becomes `%20` as the RFC's examples show. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Whether a string is the encoded name of a query parameter: only then can it ever match. */
export function isEncodedName(name: string): boolean {
  try {
    return percentEncode(decodeURIComponent(name)) === name
  } catch (error) {
    if (error instanceof URIError) return false
    throw error
  }
}
