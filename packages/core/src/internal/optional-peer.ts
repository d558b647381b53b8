import { createRequire } from 'node:module'
import { Misconfigured } from '../misconfigured.ts'

/** What is loaded on first use, and what needs it. */
export interface OptionalPeer<Module> {
  /** As `npm install` takes it. */
  readonly name: string
  /** The subject of the error's sentence, in the plural: `metrics`. */
  readonly neededBy: string
  /** A `require` with the name written down, which bundlers find. ES modules have none. */
  readonly bundled: (() => Module) | undefined
  /** `import.meta.url` of the package that needs it. */
  readonly place: string
}

/**
 * Loads a package that programs without this feature need not have.
 * @throws {@link Misconfigured} `ERR_DEPENDENCY_MISSING`
 */
export function loadOptionalPeer<Module>({ name, neededBy, bundled, place }: OptionalPeer<Module>): Module {
  try {
    return bundled === undefined ? createRequire(place)(name) : bundled()
  } catch (error) {
    if (!isAbsent(error, name)) throw error
    throw new Misconfigured('ERR_DEPENDENCY_MISSING', `${neededBy} need ${name}: npm install ${name}`)
  }
}

/** Not found itself: what it does not find of its own is another error. */
function isAbsent(error: unknown, name: string): boolean {
  // In a Jest suite the error is of another realm: no `instanceof`.
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  return code === 'MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)
}
