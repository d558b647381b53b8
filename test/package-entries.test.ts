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
