import { type ComponentList, compileComponentList } from './component-list.ts'
import type { FieldType } from './field-component.ts'
import type { SignableMessage } from './signable-message.ts'
import type { SignatureInput } from './signature-input.ts'

/** Options of {@link createSignatureBase}. */
export interface SignatureBaseOptions {
  /** Types of fields beyond the registered ones, for components marked `sf`. */
  readonly fieldTypes?: Readonly<Record<string, FieldType>>
}

/**
 * The text that is signed (RFC 9421 section 2.5).
 * @throws Refusal `signature_malformed`, `signature_invalid` when a component cannot be had from the message
 */
export function createSignatureBase(
  message: SignableMessage,
  input: Pick<SignatureInput, 'list' | 'text'>,
  options: SignatureBaseOptions = {},
): string {
  const { fieldTypes } = options
  if (fieldTypes === undefined) return writeSignatureBase(message, input)
  const list = compileComponentList(input.list.text, new Map(Object.entries(fieldTypes)))
  return writeSignatureBase(message, { list, text: input.text })
}

/** The same with a compiled list as it is. */
export function writeSignatureBase(
  message: SignableMessage,
  input: { readonly list: ComponentList; readonly text: string },
): string {
  return `${input.list.writeLines(message)}"@signature-params": ${input.text}`
}
