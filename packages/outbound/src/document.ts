import { OutboundError } from './outbound-error.ts'

/**
 * Parses JSON in UTF-8 that nests no deeper than a limit. The depth is counted first, in one pass.
 * @throws {@link OutboundError} `malformed`, `too_deep`
 */
export function parseBoundedJson(text: string, maxDepth: number): unknown {
  if (depthOf(text, maxDepth) > maxDepth) {
    throw new OutboundError('too_deep', `the document nests deeper than ${maxDepth}`)
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OutboundError('malformed', 'the document is not JSON', { cause })
  }
}

/**
 * Decodes UTF-8.
 * @throws {@link OutboundError} `malformed`
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new OutboundError('malformed', 'the document is not UTF-8', { cause })
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** How deep brackets outside strings nest, counted at most one beyond the limit. */
function depthOf(text: string, limit: number): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < text.length && deepest <= limit; index++) {
    const code = text.charCodeAt(index)
    if (inString && code === BACKSLASH) index++
    else if (code === QUOTE) inString = !inString
    else if (!inString) {
      depth += STEP.get(code) ?? 0
      if (depth > deepest) deepest = depth
    }
  }
  return deepest
}

const STEP: ReadonlyMap<number, number> = new Map([
  [0x5b, 1],
  [0x7b, 1],
  [0x5d, -1],
  [0x7d, -1],
])

type Header = (name: string) => string | undefined

/** How long an answer is fresh by its own word (RFC 9111 section 4.2), `Age` deducted. `undefined` when it does not say. */
export function freshForSeconds(header: Header): number | undefined {
  const directives = (header('cache-control') ?? '')
    .toLowerCase()
    .split(',', 32)
    .map((directive) => directive.trim())
  if (directives.includes('no-store') || directives.includes('no-cache')) return 0
  const stated = directives.find((directive) => directive.startsWith('max-age='))
  const maxAge = toSeconds(stated?.slice('max-age='.length).replaceAll('"', ''))
  return maxAge === undefined ? undefined : Math.max(0, maxAge - (toSeconds(header('age')) ?? 0))
}

/** Seconds until another try is welcome (RFC 9110 section 10.2.3). A date is measured against the answer's own `Date`. */
export function retryAfterSeconds(header: Header): number | undefined {
  const value = header('retry-after')
  if (value === undefined) return undefined
  const seconds = toSeconds(value.trim())
  if (seconds !== undefined) return seconds
  const delay = (Date.parse(value) - Date.parse(header('date') ?? '')) / 1000
  return delay >= 0 ? delay : undefined
}

function toSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
