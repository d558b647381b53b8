import { createRequire } from 'node:module'
import { Misconfigured } from '../misconfigured.ts'

/** What is loaded on first use, and what needs it. */
export interface OptionalPeer {
  /** As `npm install` takes it. */
  readonly name: string
  /** The entry of it that is loaded. @default its name */
  readonly entry?: string
  /** The subject of the error's sentence, in the plural: `metrics`. */
  readonly neededBy: string
  /** `import.meta.url` of the package that needs it. */
  readonly place: string
}

/**
 * Goes on where a plain `require`, which bundlers look for inside `try`, has failed: in ES modules there is none, and what is
 * optional may not be installed.
 * @example try { return require('yaml') } catch (error) { return loadOptionalPeer(PEER, error) }
 * @throws {@link Misconfigured} `ERR_DEPENDENCY_MISSING`
 */
export function loadOptionalPeer<Module>(peer: OptionalPeer, requireError: unknown): Module {
  const { name, entry = name, neededBy, place } = peer
  try {
    if (!hasNoRequire(requireError, entry)) throw requireError
    return createRequire(place)(entry)
  } catch (error) {
    if (!isAbsent(error, entry)) throw error
    throw new Misconfigured('ERR_DEPENDENCY_MISSING', `${neededBy} need ${name}: npm install ${name}`)
  }
}

/** In ES modules, and where a bundler left this module out. What that module itself cannot load is another error. */
export function hasNoRequire(error: unknown, name: string): boolean {
  return error instanceof ReferenceError || String(Object(error).message).startsWith(`Dynamic require of "${name}"`)
}

/** Not found itself: what it does not find of its own is another error. In a Jest suite errors are of another realm. */
function isAbsent(error: unknown, name: string): boolean {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  return code === 'MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)
}
