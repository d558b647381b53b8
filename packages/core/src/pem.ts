import { Refusal } from './refusal.ts'

/** A block with the text around it. Its content holds no dash unless it begins with headers, which no key of today does. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----/

/** SPKI (RFC 7468 section 13), or PKCS #1 as older tools write RSA keys. */
const PUBLIC_LABELS: readonly (string | undefined)[] = ['PUBLIC KEY', 'RSA PUBLIC KEY']

/**
 * The one PEM block of a text, as every parser takes it: explanatory text around it, indentation and line breaks of any kind
 * gone (RFC 7468 sections 2 and 3). `undefined` when it holds none, several, or one without line breaks.
 */
export function tidyPem(text: string): string | undefined {
  const [, label, content = '', end] = BLOCK.exec(text) ?? []
  const isSole = text.indexOf('-----BEGIN ') === text.lastIndexOf('-----BEGIN ')
  if (label === undefined || label !== end || !isSole || !/^[^\S\r\n]*[\r\n]/.test(content)) return undefined
  const lines = content.replace(/\s+/g, '').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/**
 * Reads a text that holds one PEM block of a public key.
 * @throws {@link Refusal} `key_invalid`
 */
export function readPublicPem(text: string): string {
  const [, label] = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text) ?? []
  if (!PUBLIC_LABELS.includes(label)) throw invalid(expectedPublic(text))
  if (text.indexOf('-----BEGIN ') !== text.lastIndexOf('-----BEGIN ')) throw invalid('expected one PEM block')
  const pem = tidyPem(text)
  if (pem === undefined) throw invalid('expected a whole PEM block with its line breaks')
  return pem
}

function expectedPublic(text: string): string {
  const expected = 'expected a PEM block named PUBLIC KEY'
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)
    ? `${expected}, not the private half, which only the agent may have: openssl pkey -in FILE -pubout`
    : expected
}

function invalid(message: string): Refusal {
  return new Refusal('key_invalid', message)
}
