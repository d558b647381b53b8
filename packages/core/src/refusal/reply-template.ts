import type { HeaderField } from '../header-fields.ts'
import type { Reply } from './response.ts'

/** An answer in which a nonce and the id of the request are still to be filled in. */
export interface ReplyTemplate {
  /** Whether there is a place for a nonce. */
  readonly asksNonce: boolean
  readonly fill: (requestId: string, nonce: string | undefined) => Reply
}

/** Answers of one guard by what they depend on. */
export interface ReplyTemplates {
  readonly find: (kind: string) => ReplyTemplate | undefined
  readonly keep: (kind: string, template: ReplyTemplate) => void
}

const MOST_TEMPLATES = 256

/** Creates the memory of one guard. */
export function createReplyTemplates(): ReplyTemplates {
  const known = new Map<string, ReplyTemplate>()
  return {
    find: (kind) => known.get(kind),
    keep: (kind, template) => {
      // Strangers choose which fields they send. Cleared rather than closed: what is in use comes back at once.
      if (known.size >= MOST_TEMPLATES) known.clear()
      known.set(kind, template)
    },
  }
}

/** A template is written with these in the place of a nonce and an id, and looks like any other answer. */
export const NONCE_MARK = 'nonce-nonce-nonce-nonce-nonce-nonce-nonce-nonce-nonc'
export const ID_MARK = '00000000-0000-4000-8000-000000000000'

/** Nothing in such a nonce has to be escaped anywhere. */
const PLAIN_NONCE = /^[A-Za-z0-9_-]{1,256}$/

/** Whether a template may be filled with a nonce. */
export function isPlainNonce(nonce: string | undefined): nonce is string {
  return nonce !== undefined && PLAIN_NONCE.test(nonce)
}

/** Makes a template of an answer that holds the marks. */
export function createReplyTemplate({ status, headers, body }: Reply): ReplyTemplate {
  const bodyParts = body.split(ID_MARK)
  const fixed = Object.freeze(headers.map((field) => Object.freeze(field)))
  const asking = fixed.flatMap(([name, value], at) =>
    value.includes(NONCE_MARK) ? [{ at, name, parts: value.split(NONCE_MARK) }] : [],
  )
  const withNonce = (nonce: string): readonly HeaderField[] => {
    const filled = fixed.slice()
    for (const { at, name, parts } of asking) filled[at] = [name, parts.join(nonce)]
    return filled
  }
  return {
    asksNonce: asking.length > 0,
    fill: (requestId, nonce) => {
      return { status, headers: nonce === undefined ? fixed : withNonce(nonce), body: bodyParts.join(requestId) }
    },
  }
}
