/** Most characters of texts that somebody else chose. Longer ones end in `…`, so that a cut is seen. */
export const MAX_TEXT = {
  method: 32,
  id: 256,
  scope: 256,
  scopes: 64,
  reason: 512,
  intent: 1024,
  target: 4096,
  signed: 32_768,
} as const

const LONE_SURROGATE = /\p{Surrogate}/u
const EVERY_LONE_SURROGATE = /\p{Surrogate}/gu

/** Cuts what is too long, and makes well-formed Unicode of it: a lone surrogate has no place in JSON (RFC 8785). */
export function bounded(text: string, max: number): string {
  const cut = text.length <= max ? text : `${text.slice(0, max - 1)}…`
  return LONE_SURROGATE.test(cut) ? cut.replace(EVERY_LONE_SURROGATE, '\ufffd') : cut
}

/** The same for what may be missing. */
export function boundedOrNone(text: string | undefined, max: number): string | undefined {
  return text === undefined ? undefined : bounded(text, max)
}

// C1 controls act on terminals, U+2028 and U+2029 end lines in JavaScript, the others turn the direction of text around.
const HOSTILE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/
const EVERY_HOSTILE = new RegExp(HOSTILE, 'g')

/** JSON already escapes U+0000 to U+001F; this escapes whatever else a terminal or an editor acts upon. */
export function escapeLine(json: string): string {
  return HOSTILE.test(json) ? json.replace(EVERY_HOSTILE, escapeOne) : json
}

function escapeOne(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
