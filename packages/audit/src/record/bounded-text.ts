/** Most characters of texts that callers choose. Longer ones end in `…`, so that a cut is seen. */
export const MAX_TEXT = {
  method: 32,
  id: 256,
  scope: 256,
  scopes: 64,
  reason: 512,
  intent: 1024,
  target: 4096,
  question: 16_384,
  signed: 32_768,
  /** Bytes: with everything else still a line that is read. */
  details: 524_288,
} as const

/** Node has it; the library that is compiled against names it only later. Of a text in one-byte characters it costs nothing. */
const isWellFormed: (this: string) => boolean = Reflect.get(String.prototype, 'isWellFormed')

/** Cuts what is too long, and makes well-formed Unicode of it: a lone surrogate has no place in JSON (RFC 8785). */
export function bounded(text: string, max: number): string {
  const cut = text.length <= max ? text : `${text.slice(0, max - 1)}…`
  return isWellFormed.call(cut) ? cut : cut.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** The same for what may be missing. */
export function boundedOrNone(text: string | undefined, max: number): string | undefined {
  return text === undefined ? undefined : bounded(text, max)
}

// C1 controls act on terminals, U+2028 and U+2029 end lines in JavaScript, the others turn the direction of text around.
const HOSTILE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** JSON already escapes U+0000 to U+001F; this escapes what else a terminal or an editor acts upon. */
export function escapeLine(json: string): string {
  // Both looks are made by the machine many characters at a time; the expression is for the few lines that need it.
  if (Buffer.byteLength(json) === json.length && !json.includes('\u007f')) return json
  return json.replace(HOSTILE, escapeOne)
}

/** A line for a terminal: also in what was altered, nothing acts on it. */
export function printable(line: string): string {
  return escapeLine(line).replace(/\p{Cc}/gu, '?')
}

function escapeOne(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
