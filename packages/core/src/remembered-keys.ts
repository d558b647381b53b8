import { createRecent } from './internal/recent.ts'
import { type ImportedKey, type ImportOptions, importPublicKey } from './key-import.ts'
import { type KeyMaterial, nameKeyMaterial } from './key-material.ts'

/** Checks and imports a public key, as `importPublicKey` does. @throws Refusal `key_invalid` */
export type ImportPublicKey = (material: KeyMaterial, options?: ImportOptions) => ImportedKey

/** An RSA key of 4096 bits takes 700. */
const CHARACTERS_EACH = 1024

/**
 * Makes an `importPublicKey` that remembers up to `maxKeys` keys: documents are fetched again and again, and tokens name the
 * same few keys. Keys are told apart by everything that decides about them, character by character; refusals are not
 * remembered.
 */
export function rememberKeys(maxKeys: number): ImportPublicKey {
  const recent = createRecent<ImportedKey>({ maxEntries: maxKeys, maxCharacters: maxKeys * CHARACTERS_EACH })
  return (material, options = {}) => {
    const given = nameKeyMaterial(material)
    if (given === undefined) return importPublicKey(material, options)
    const name = `${options.algorithm ?? ''} ${options.allowTestKeys === true} ${given}`
    const known = recent.find(name)
    if (known !== undefined) return known
    const key = Object.freeze(importPublicKey(material, options))
    recent.keep(name, key)
    return key
  }
}
