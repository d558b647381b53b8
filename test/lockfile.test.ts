import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** An entry of `package-lock.json`, as far as it says where its bytes come from. */
interface LockedPackage {
  /** A workspace, not a package that is downloaded. */
  readonly link?: true
  /** Inside the archive of the package that brings it, and verified with it. */
  readonly inBundle?: true
  readonly integrity?: string
  readonly resolved?: string
}

const ROOT = resolve(__dirname, '..')
const { packages }: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
  readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
)
const installed = Object.entries(packages).filter(([path]) => path.includes('node_modules/'))
const downloaded = installed.filter(([, { link, inBundle }]) => link !== true && inBundle !== true)

describe('package-lock.json', () => {
  // npm installs an entry without a hash unverified, and leaves hashes out by itself for other platforms than its own.
  it('has a SHA-512 of every package that npm ci may download', () => {
    const unverified = downloaded.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''))
    expect(unverified.map(([path]) => path)).toEqual([])
    expect(downloaded.length).toBeGreaterThan(0)
  })

  it('names no registry, so that each takes the packages from its own', () => {
    expect(downloaded.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([])
  })
})
