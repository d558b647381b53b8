import { Misconfigured } from '@countermark/core'
import { custom, isJsonObject, number, optionTable, text } from '@countermark/core/internal'
import type { BundleRules } from './bundle.ts'
import type { BundleVerification } from './verify-bundle.ts'

/** Options of {@link opaWasm}. */
export interface OpaWasmOptions {
  /** The bundle: the path of its file, its bytes, or a function that fetches them. */
  readonly bundle: string | Uint8Array | (() => Uint8Array | Promise<Uint8Array>)
  /** Whose signatures count; `unsigned` takes what is there: whoever may write the file may decide, too. */
  readonly verification: BundleVerification | 'unsigned'
  /** The rule that decides: `agent/authz/allow`. @default the only one of the bundle */
  readonly entrypoint?: string
  /** Looks for a newer bundle so often. Seconds. @default 0: only when `reload` is called */
  readonly reloadSeconds?: number
  /** Largest bundle, unpacked. Bytes. @default 16_777_216 */
  readonly maxBytes?: number
  /** Most memory of the policy. Pages of 64 KB. @default 512 */
  readonly maxPages?: number
}

/** The same after validation. */
export interface OpaWasmSettings extends BundleRules {
  readonly bundle: OpaWasmOptions['bundle']
  readonly reloadSeconds: number
  readonly maxPages: number
}

const OPTIONS = optionTable('opaWasm', {
  bundle: custom((_, given) => requireBundle(given)),
  verification: custom((_, given) => requireVerification(given)),
  entrypoint: text(),
  reloadSeconds: number({ min: 0, max: 86_400, default: 0 }),
  maxBytes: number({ min: 1_024, max: 1_073_741_824, default: 16_777_216 }),
  maxPages: number({ min: 5, max: 16_384, default: 512 }),
})

/**
 * Reads the options of the engine.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function readOpaWasmOptions(options: OpaWasmOptions): OpaWasmSettings {
  return OPTIONS.read(options)
}

function requireBundle(given: unknown): OpaWasmOptions['bundle'] {
  if ((typeof given === 'string' && given !== '') || given instanceof Uint8Array) return given
  if (typeof given === 'function') return given as OpaWasmOptions['bundle']
  throw new Misconfigured('ERR_OPTION_MISSING', 'opaWasm needs bundle: a path, bytes, or a function that fetches them')
}

function requireVerification(given: unknown): OpaWasmOptions['verification'] {
  if (given === 'unsigned') return given
  if (isJsonObject(given) && isJsonObject(given['keys']) && Object.keys(given['keys']).length > 0) {
    return given as unknown as BundleVerification
  }
  const fix = "verification: { keys: { NAME: PEM } }, or 'unsigned' where whoever writes the file may decide"
  throw new Misconfigured('ERR_OPTION_MISSING', `opaWasm must know whose bundles count; ${fix}`)
}
