import { readFileSync, statSync } from 'node:fs'
import type { KeyImportRules } from './key-description.ts'
import type { KeyDocument } from './key-document.ts'
import { parseRegistryDocument } from './registry-document.ts'

const MAX_BYTES = 16_777_216

/** How a key file is read. */
export interface KeyFileRules extends KeyImportRules {
  readonly agents: (agentId: string) => boolean
}

/**
 * Reads a file of agents and keys, whole.
 * @throws Error when it cannot be read or is no such document
 */
export function readKeyFile(path: string, rules: KeyFileRules): KeyDocument {
  if (statSync(path).size > MAX_BYTES) throw new RangeError(`the file exceeds ${MAX_BYTES} bytes`)
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  return parseRegistryDocument(JSON.parse(text), { ...rules, maxKeys: Number.POSITIVE_INFINITY })
}
