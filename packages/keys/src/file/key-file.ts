import { readFileSync, statSync } from 'node:fs'
import { isJsonObject, rememberKeys } from '@countermark/core/internal'
import type { KeyDocument, KeyImportRules } from '../key-document.ts'
import { parseRegistryDocument, type RefusedPlace } from '../registry/registry-document.ts'

/** A file of agents and keys. */
export interface KeyFile {
  /**
   * Reads the file, whole.
   * @throws Error when it cannot be read or is no such document
   */
  readonly read: () => ReadKeyFile
}

/** What a file says. */
export interface ReadKeyFile {
  readonly document: KeyDocument
  /** The first entry that cannot be used, with the fix; `undefined` when all can. */
  readonly fault: string | undefined
}

/** A file of which an entry cannot be used. */
export class UnusableKeyFile extends Error {}

/** How a key file is read. */
export interface KeyFileRules extends Pick<KeyImportRules, 'allowTestKeys'> {
  /** The agents that the file may speak for. */
  readonly agents: (agentId: string) => boolean
}

const MAX_BYTES = 16_777_216

/** Two keys for each of as many agents as a file of 16 MB may hold. */
const MAX_REMEMBERED_KEYS = 200_000

/** Reads one file again and again; a key that it had before is not imported anew. */
export function createKeyFile(path: string, { agents, allowTestKeys }: KeyFileRules): KeyFile {
  const remembered = rememberKeys(MAX_REMEMBERED_KEYS)
  let importError: unknown
  const importKey: typeof remembered = (material, options) => {
    try {
      return remembered(material, options)
    } catch (error) {
      importError = error
      throw error
    }
  }
  return {
    read: () => {
      let fault: string | undefined
      const onRefused = (refused: RefusedPlace): void => {
        fault ??= explainRefused(refused, importError)
      }
      const maxKeys = Number.POSITIVE_INFINITY
      const document = parseRegistryDocument(readJson(path), { agents, allowTestKeys, importKey, maxKeys, onRefused })
      return { document, fault }
    },
  }
}

function readJson(path: string): unknown {
  if (statSync(path).size > MAX_BYTES) throw new RangeError(`the file exceeds ${MAX_BYTES} bytes`)
  return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
}

function explainRefused({ where, what, reason, entry }: RefusedPlace, importError: unknown): string {
  if (what === 'agent') {
    return `${where} needs an id of A-Z a-z 0-9 . _ : @ / -, and what else it states in the form of a registry document`
  }
  if (isJsonObject(entry) && Object.hasOwn(entry, 'kty')) {
    return `${where} is a bare JWK; write { "id": "…", "jwk": { "kty": … } }`
  }
  if (reason === 'key_invalid') {
    const why = importError instanceof Error ? importError.message : 'its material is no public key'
    return `${where} cannot be used: ${why}`
  }
  if (reason === 'key_id_invalid') return `${where} needs an id of 1 to 256 printable ASCII characters`
  return `${where} needs exactly one of jwk, pem and raw; state, notBefore, notAfter (Unix seconds) and schemes are optional`
}
