import { parseQuery } from './query-parameter.ts'
import { readStructuredText } from './structured-text.ts'

/**
 * What is parsed while one signature base is written. Thirty components may each read one member of the same field: a
 * stranger must not make us parse it thirty times.
 */
export interface ParseOnce {
  /** @throws Refusal `signature_malformed` */
  readonly dictionary: (text: string) => ReadonlyMap<string, string>
  /** @throws Refusal `signature_malformed` */
  readonly query: (text: string) => ReadonlyMap<string, string | undefined>
}

class Once implements ParseOnce {
  #dictionaries: Map<string, ReadonlyMap<string, string>> | undefined = undefined
  #queries: Map<string, ReadonlyMap<string, string | undefined>> | undefined = undefined

  dictionary(text: string): ReadonlyMap<string, string> {
    this.#dictionaries ??= new Map()
    return remember(this.#dictionaries, text, readDictionary)
  }

  query(text: string): ReadonlyMap<string, string | undefined> {
    this.#queries ??= new Map()
    return remember(this.#queries, text, parseQuery)
  }
}

/** Creates the memory for one signature base. */
export function createParseOnce(): ParseOnce {
  return new Once()
}

function readDictionary(text: string): ReadonlyMap<string, string> {
  return readStructuredText(text).dictionary()
}

function remember<Parsed>(known: Map<string, Parsed>, text: string, parse: (text: string) => Parsed): Parsed {
  const before = known.get(text)
  if (before !== undefined) return before
  const parsed = parse(text)
  known.set(text, parsed)
  return parsed
}
