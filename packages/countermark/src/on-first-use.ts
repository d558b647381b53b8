import { createRequire } from 'node:module'
import { hasNoRequire } from '@countermark/core/internal'

/** A part of the suite that is loaded when it is used for the first time. */
export interface PartOnFirstUse<Module> {
  readonly name: string
  /** A `require` with the name written down: what CommonJS has, and what bundlers put the part in place of. */
  readonly required: () => Module
  /** `import.meta.url` of what needs it. */
  readonly place: string
}

/** Makes a function that loads a part once. A program that does not use the part does not pay for it at its start. */
export function onFirstUse<Module>({ name, required, place }: PartOnFirstUse<Module>): () => Module {
  let module: Module | undefined
  return () => {
    module ??= load()
    return module
  }

  function load(): Module {
    try {
      return required()
    } catch (error) {
      if (!hasNoRequire(error, name)) throw error
      return loadBeside(name, place)
    }
  }
}

/** The ES module, so that a program has the part once however it is imported; where Node refuses that, the CommonJS one. */
function loadBeside<Module>(name: string, place: string): Module {
  const require = createRequire(place)
  const path = require.resolve(name)
  try {
    return require(path.replace(/\.cjs$/, '.mjs'))
  } catch (error) {
    // With `--no-experimental-require-module`.
    if (Object(error).code !== 'ERR_REQUIRE_ESM') throw error
    return require(path)
  }
}
