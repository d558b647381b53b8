import { WASM_BASE64 } from './wasm-binary.ts'

/** Tables of Ed25519 keys, by number, and the verification that uses them. */
export interface TableEngine {
  /** How many tables there is room for. */
  readonly maxTables: number
  /** The longest message that a table judges. Bytes. */
  readonly maxMessageBytes: number
  /** Makes a table; `false` when the 32 bytes are no canonical point or have small order. */
  readonly build: (table: number, key: Uint8Array) => boolean
  /** Whether a signature holds; `undefined` for what a table does not judge: R or S is not canonical, no such table. */
  readonly verify: (table: number, data: Uint8Array, signature: Uint8Array) => boolean | undefined
}

/** What native/ed25519-tables.c exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly max_tables: () => number
  readonly max_message: () => number
  readonly key_input: () => number
  readonly signature_input: () => number
  readonly message_input: () => number
  readonly prepare: () => void
  readonly build: (table: number) => number
  readonly verify: (table: number, length: number) => number
}

const VERDICTS: readonly (boolean | undefined)[] = [false, true, undefined]

/**
 * Compiles the module and makes the table of the base point: some 25 ms, once. 17 MB of memory are reserved, and become
 * real as tables are made.
 */
export function createTableEngine(): TableEngine {
  const module = new WebAssembly.Module(Buffer.from(WASM_BASE64, 'base64'))
  const { memory, build, verify, prepare, ...layout } = new WebAssembly.Instance(module).exports as Exports
  prepare()
  const [maxTables, maxMessageBytes] = [layout.max_tables(), layout.max_message()]
  const [keyAt, signatureAt, messageAt] = [layout.key_input(), layout.signature_input(), layout.message_input()]
  // The memory has a fixed size: this view stays valid.
  const bytes = new Uint8Array(memory.buffer)
  return {
    maxTables,
    maxMessageBytes,
    build: (table, key) => {
      if (key.length !== 32) return false
      bytes.set(key, keyAt)
      return build(table) === 1
    },
    verify: (table, data, signature) => {
      if (data.length > maxMessageBytes || signature.length !== 64) return undefined
      bytes.set(signature, signatureAt)
      bytes.set(data, messageAt)
      return VERDICTS[verify(table, data.length)]
    },
  }
}
