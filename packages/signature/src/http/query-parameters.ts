import { Refusal } from '@countermark/core'

const UNRESERVED = /^[A-Za-z0-9*._-]*$/

/**
 * The parameters of a query by encoded name, with their values as sent; `undefined` for a name that occurs several times,
 * which must not be covered (RFC 9421 section 2.2.8).
 * @throws Refusal `signature_malformed`
 */
export function parseQuery(query: string): ReadonlyMap<string, string | undefined> {
  const parameters = new Map<string, string | undefined>()
  for (const pair of query.slice(1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = recode(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : pair.slice(equals + 1)
    parameters.set(name, parameters.has(name) ? undefined : value)
  }
  return parameters
}

/**
 * The value of one query parameter: form-decoded, then percent-encoded again.
 * @throws Refusal `signature_malformed`, `signature_invalid`
 */
export function readQueryParameter(parameters: ReadonlyMap<string, string | undefined>, name: string): string {
  const value = parameters.get(name)
  if (value !== undefined) return recode(value)
  if (parameters.has(name)) throw new Refusal('signature_malformed', 'a covered query parameter occurs more than once')
  throw new Refusal('signature_invalid', 'a covered query parameter is missing')
}

/**
 * Stricter than the form parser of browsers: what cannot be decoded is refused, as two different bytes would both become
 * U+FFFD.
 */
function recode(text: string): string {
  if (UNRESERVED.test(text)) return text
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
