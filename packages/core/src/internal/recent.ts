/** A bounded memory of what came lately, by name. */
export interface Recent<Value extends object> {
  readonly find: (name: string) => Value | undefined
  readonly keep: (name: string, value: Value) => void
  readonly size: () => number
}

/** How much is remembered at most. */
export interface RecentLimits {
  readonly maxEntries: number
  /** Of all names together: names are often what a stranger sent. */
  readonly maxCharacters: number
}

/**
 * Makes a memory in two halves. When the younger half is full the older one goes as a whole, and what is asked for again
 * moves back into the younger: a look-up and no list to keep in order.
 */
export function createRecent<Value extends object>({ maxEntries, maxCharacters }: RecentLimits): Recent<Value> {
  let younger = new Map<string, Value>()
  let older = new Map<string, Value>()
  let characters = 0
  const keep = (name: string, value: Value): void => {
    if (name.length > maxCharacters / 2) return
    if (younger.size >= maxEntries / 2 || characters + name.length > maxCharacters / 2) {
      older = younger
      younger = new Map()
      characters = 0
    }
    if (!younger.has(name)) characters += name.length
    younger.set(name, value)
  }
  return {
    find: (name) => {
      const young = younger.get(name)
      if (young !== undefined) return young
      const old = older.get(name)
      if (old !== undefined) keep(name, old)
      return old
    },
    keep,
    // One that moved back is in both halves.
    size: () => younger.size + [...older.keys()].filter((name) => !younger.has(name)).length,
  }
}
