import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What this repository reads of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly '@countermark/source'?: string }>>
  readonly typesVersions?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  readonly bin?: Readonly<Record<string, string>>
  readonly repository?: string | object
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** A published package of this workspace. */
export interface WorkspacePackage {
  readonly name: string
  /** Relative to the root, such as `packages/core`. */
  readonly folder: string
  readonly manifest: Manifest
  /** Files below `src`, relative to the root. */
  readonly sources: readonly string[]
}

/** Every package below `packages/`, in alphabetical order. */
export function readWorkspacePackages(root: string): readonly WorkspacePackage[] {
  return readdirSync(join(root, 'packages'))
    .sort()
    .map((name) => {
      const folder = `packages/${name}`
      const manifest: Manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
      return { name: manifest.name, folder, manifest, sources: listFiles(root, `${folder}/src`) }
    })
}

function listFiles(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}
