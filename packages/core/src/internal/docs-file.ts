import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Pages that lie beside the code: of refusals and of errors at the start. */
export type DocsPage = 'refusals.md' | 'configuration-errors.md'

/** In an installed package beside the code, in the repository among the docs. */
const FOLDERS = ['./', '../../../../docs/']

/** The `file:` URL of a page on this machine; `undefined` where a bundler took the code and left the page. */
export function findDocsFile(page: DocsPage): string | undefined {
  const address = findAddress()
  if (address === undefined) return undefined
  const places = FOLDERS.map((folder) => new URL(folder + page, address))
  return places.find((place) => existsSync(fileURLToPath(place)))?.href
}

function findAddress(): string | undefined {
  try {
    return import.meta.url
  } catch {
    // CommonJS in an ES module: what stands here is made of a `__filename` that is not there.
    return undefined
  }
}
