import { readWorkspacePackages } from '../scripts/workspace-packages.ts'

/** What `require` finds at each entry below a package's root. */
function typesOfEntries(exported: Readonly<Record<string, unknown>>): Record<string, readonly unknown[]> {
  const found: Record<string, readonly unknown[]> = {}
  for (const [entry, target] of Object.entries(exported)) {
    const { require } = Object(target)
    if (entry !== '.' && require !== undefined) found[entry.slice('./'.length)] = [require.types]
  }
  return found
}

describe('entries of packages', () => {
  // `moduleResolution: node10` reads no `exports`: without this an entry has no types there.
  it.each(readWorkspacePackages('.'))('$name names the types of each entry for older compilers', ({ manifest }) => {
    const types = typesOfEntries(manifest.exports)
    expect(manifest.typesVersions?.['*'] ?? {}).toEqual(types)
  })
})

describe('what npm is told of a package', () => {
  // A statement of provenance names the repository: npm refuses to publish one that does not.
  it.each(readWorkspacePackages('.'))('$name states its provenance only with its repository', ({ manifest }) => {
    const { provenance = false, access } = manifest.publishConfig as { provenance?: boolean; access: string }
    expect(access).toBe('public')
    expect(provenance).toBe(manifest.repository !== undefined)
  })
})
