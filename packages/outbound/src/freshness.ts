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
