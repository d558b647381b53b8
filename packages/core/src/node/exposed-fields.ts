/** A list that CORS middleware may have begun for the whole application. */
export const EXPOSED_FIELDS = 'access-control-expose-headers'

/** One list of all names in several, each once. A value of another form, as a header field may have it, adds nothing. */
export function joinLists(...values: readonly unknown[]): string {
  const names = new Map<string, string>()
  for (const value of values.flat()) {
    if (typeof value !== 'string') continue
    for (const name of value.split(',').map((each) => each.trim())) {
      if (name !== '' && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
    }
  }
  return [...names.values()].join(', ')
}
