/** Header fields as they came, by lower-case name. Built from `rawHeaders`, so nothing was merged or dropped. */
export interface HeaderFields {
  /** All field lines of a name in order of arrival; empty when absent. */
  readonly lines: (name: string) => readonly string[]
  /** The value when there is exactly one line, `undefined` when there is none or several: see {@link HeaderFields.lines}. */
  readonly only: (name: string) => string | undefined
  readonly has: (name: string) => boolean
  readonly names: () => IterableIterator<string>
  /** How many field lines there are. */
  readonly count: number
}

const NONE: readonly string[] = []

/** Groups `[name, value, name, value, …]` as Node's `rawHeaders` has it. Pseudo-header fields of HTTP/2 are left out. */
export function createHeaderFields(rawHeaders: readonly string[]): HeaderFields {
  const fields = new Map<string, string | string[]>()
  let count = 0
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase()
    if (name.startsWith(':')) continue
    count++
    const value = rawHeaders[index + 1] as string
    const known = fields.get(name)
    if (known === undefined) fields.set(name, value)
    else if (typeof known === 'string') fields.set(name, [known, value])
    else known.push(value)
  }
  return {
    lines: (name) => {
      const value = fields.get(name)
      if (value === undefined) return NONE
      return typeof value === 'string' ? [value] : value
    },
    only: (name) => {
      const value = fields.get(name)
      return typeof value === 'string' ? value : undefined
    },
    has: (name) => fields.has(name),
    names: () => fields.keys(),
    count,
  }
}
