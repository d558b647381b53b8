import { type ComponentIdentifier, readComponent, serializeIdentifier } from './component-value.ts'
import type { PlainRequest } from './plain-request.ts'

/** Parameters of a signature (RFC 9421 section 2.3). `null` or `undefined`: not stated. */
export interface SignatureParameters {
  readonly created: number | null | undefined
  readonly expires: number | null | undefined
  readonly nonce: string | null | undefined
  readonly alg: string | null | undefined
  readonly keyid: string | null | undefined
  readonly tag: string | null | undefined
}

/** The value of one `Signature-Input` member, in the order given. */
export function serializeParameters(
  components: readonly ComponentIdentifier[],
  parameters: Partial<SignatureParameters>,
): string {
  const written = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === null || value === undefined) return []
    return typeof value === 'number' ? [`;${name}=${value}`] : [`;${name}="${value.replace(/["\\]/g, '\\$&')}"`]
  })
  return `(${components.map(serializeIdentifier).join(' ')})${written.join('')}`
}

/** The signature base (RFC 9421 section 2.5), built without a line of the package under test. */
export function buildSignatureBase(
  components: readonly ComponentIdentifier[],
  parameters: string,
  request: PlainRequest,
): string {
  const lines = components.map((component) => `${serializeIdentifier(component)}: ${readComponent(component, request)}`)
  return [...lines, `"@signature-params": ${parameters}`].join('\n')
}
