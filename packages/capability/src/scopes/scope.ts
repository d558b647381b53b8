/** A scope: what it names, segment by segment, and how long a token that carries it may be used. */
export interface Scope {
  /** Each segment is a name, or `*` for exactly one of any name. */
  readonly segments: readonly string[]
  /** Seconds after `iat` at which the whole token ends; `undefined` without a duration. */
  readonly durationSeconds: number | undefined
}

const MAX_LENGTH = 256
/** Most segments of a scope. */
export const MAX_SEGMENTS = 16
const NAME = /^[A-Za-z0-9_.~@/+=-]{1,128}$/
const DURATION = /^(0|[1-9][0-9]{0,5})([smhd])$/
const RESTRICTION = /^restrict(?::|$)/i
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Whether a text may stand for one segment: 1 to 128 of `A-Z a-z 0-9 _ . ~ @ / + = -`. A `*` is no name. */
export function isSegmentName(text: string): boolean {
  return NAME.test(text)
}

/** Whether a word restricts (`restrict:ip:192.0.2.1`). It never grants, in whatever case it is written. */
export function isRestriction(text: string): boolean {
  return RESTRICTION.test(text)
}

/** Reads a scope such as `dns:zone_123:write`, `email:*` or `storage:read:1h`; `undefined` for a restriction and for what is none. */
export function tryParseScope(text: string, rename: (name: string) => string = (name) => name): Scope | undefined {
  if (text.length > MAX_LENGTH || isRestriction(text)) return undefined
  const { name, durationSeconds } = splitDuration(text)
  const segments = rename(name).split(':')
  if (segments.length > MAX_SEGMENTS || !segments.every(isSegment)) return undefined
  return { segments, durationSeconds }
}

/** A duration stands last and never alone: `1h` is a name. */
function splitDuration(text: string): { readonly name: string; readonly durationSeconds: number | undefined } {
  const colon = text.lastIndexOf(':')
  const match = colon < 0 ? null : DURATION.exec(text.slice(colon + 1))
  if (match === null) return { name: text, durationSeconds: undefined }
  const [, count = '', unit = ''] = match
  return { name: text.slice(0, colon), durationSeconds: Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN) }
}

function isSegment(text: string): boolean {
  return text === '*' || NAME.test(text)
}

/**
 * Whether what is granted covers what is required: as many segments, and each the same or granted as `*`. A required `*`
 * is covered by a granted `*` only. Durations are no part of it; a restriction covers nothing.
 */
export function coversScope(granted: string, required: string): boolean {
  const had = tryParseScope(granted)
  const needed = tryParseScope(required)
  return had !== undefined && needed !== undefined && coversSegments(had.segments, needed.segments)
}

/** The same for segments. */
export function coversSegments(granted: readonly string[], required: readonly string[]): boolean {
  if (granted.length !== required.length) return false
  return granted.every((segment, index) => segment === '*' || segment === required[index])
}

/** Whether there is a scope that both cover. */
export function overlapsSegments(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  return a.every((segment, index) => segment === '*' || b[index] === '*' || segment === b[index])
}
