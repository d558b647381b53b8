import { createRequire } from 'node:module'
import { requireMethods } from '../internal/options.ts'
import { nodeVerifier, type SignatureVerifier } from './key.ts'

const TABLES = '@countermark/ed25519-tables'

/** Where `verifier: 'auto'` looks: beside this package, then beside the program, where strict package managers put it. */
export interface VerifierPlaces {
  /** Files or file URLs. @default this file and the program */
  readonly from?: readonly string[]
}

/**
 * What `verifier: 'auto'` stands for: tables where their package is installed, otherwise node:crypto. An installed package
 * that does not start is told of in a process warning, and node:crypto verifies.
 */
export function findVerifier({
  from = placesOf(import.meta.url, process.argv[1]),
}: VerifierPlaces = {}): SignatureVerifier {
  for (const place of from) {
    try {
      const loaded: { readonly tables: () => SignatureVerifier } = createRequire(place)(TABLES)
      return requireMethods(TABLES, loaded, ['tables']).tables()
    } catch (error) {
      if (isAbsent(error)) continue
      warn(error)
      return nodeVerifier
    }
  }
  return nodeVerifier
}

/** `import.meta.url` is undefined in code that was bundled into CommonJS. */
function placesOf(...files: readonly (string | undefined)[]): readonly string[] {
  return files.filter((file) => file !== undefined)
}

/** Whether the package itself is missing; a module that it fails to load is another error. */
function isAbsent(error: unknown): boolean {
  const { code, message } = Object(error)
  return code === 'MODULE_NOT_FOUND' && String(message).split('\n')[0]?.includes(`'${TABLES}'`) === true
}

function warn(error: unknown): void {
  const cause = error instanceof Error ? error.stack : String(error)
  process.emitWarning(`${TABLES} is installed and does not start; node:crypto verifies: ${cause}`, {
    type: 'CountermarkWarning',
    code: 'verifier_fallback',
  })
}
