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

/** Creates the memory for one signature base. */
export function createParseOnce(): ParseOnce {
  return {
    dictionary: remember((text) => readStructuredText(text).dictionary()),
    query: remember(parseQuery),
  }
}

function remember<Parsed>(parse: (text: string) => Parsed): (text: string) => Parsed {
  let known: Map<string, Parsed> | undefined
  return (text) => {
    const before = known?.get(text)
    if (before !== undefined) return before
    const parsed = parse(text)
    known ??= new Map()
    known.set(text, parsed)
    return parsed
  }
}
