import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import { BundleRefused } from './bundle-refused.ts'
import { readTarGz } from './read-tar.ts'
import { type BundleVerification, parseObject, verifyBundle } from './verify-bundle.ts'

/** A policy as it was compiled, with its data. */
export interface Bundle {
  readonly wasm: Buffer
  readonly entrypoint: string
  readonly data: JsonObject
  /** As its manifest says, or the first digits of its SHA-256. */
  readonly revision: string
  /** Unix seconds; `undefined` where the signature does not say. */
  readonly signedAt: number | undefined
  /** SHA-256 of the whole file. */
  readonly digest: string
}

/** How a bundle is read. */
export interface BundleRules {
  /** `unsigned` where whoever may write the file may decide, too. */
  readonly verification: BundleVerification | 'unsigned'
  readonly entrypoint: string | undefined
  readonly maxBytes: number
}

/**
 * Reads and verifies a bundle (`opa build -t wasm`).
 * @throws {@link BundleRefused}
 */
export function readBundle(bytes: Uint8Array, { verification, entrypoint, maxBytes }: BundleRules): Bundle {
  const files = readTarGz(bytes, maxBytes)
  const signedAt = verification === 'unsigned' ? undefined : verifyBundle(files, verification)
  const manifest = files.get('.manifest')
  const { wasm: modules, revision } = (manifest === undefined ? {} : parseObject(manifest)) as JsonObject
  const chosen = chooseModule(modules, entrypoint)
  const wasm = files.get(chosen.module)
  if (wasm === undefined) throw new BundleRefused(`the bundle has no ${chosen.module}: build it with -t wasm`)
  const digest = createHash('sha256').update(bytes).digest('hex')
  const named = typeof revision === 'string' && revision !== '' ? revision : digest.slice(0, 16)
  return { wasm, entrypoint: chosen.entrypoint, data: mergeData(files), revision: named, signedAt, digest }
}

interface ChosenModule {
  readonly module: string
  readonly entrypoint: string
}

function chooseModule(modules: unknown, wanted: string | undefined): ChosenModule {
  const listed = (Array.isArray(modules) ? modules : []).filter(isJsonObject).map((entry) => ({
    module: String(ownMember(entry, 'module') ?? 'policy.wasm').replace(/^\/+/, ''),
    entrypoint: String(ownMember(entry, 'entrypoint') ?? ''),
  }))
  if (wanted !== undefined)
    return listed.find((one) => one.entrypoint === wanted) ?? { module: 'policy.wasm', entrypoint: wanted }
  const [first, ...more] = listed
  if (first !== undefined && more.length === 0) return first
  throw new BundleRefused('the bundle has several entry points, or none: say which one with entrypoint')
}

/** `roles/data.json` lies below `data.roles`. */
function mergeData(files: ReadonlyMap<string, Buffer>): JsonObject {
  const data: Record<string, unknown> = {}
  const found = [...files].filter(([name]) => name === 'data.json' || name.endsWith('/data.json')).sort()
  for (const [name, content] of found) place(data, name.split('/').slice(0, -1), parseObject(content))
  return data
}

function place(root: Record<string, unknown>, path: readonly string[], value: JsonObject): void {
  let at = root
  for (const part of path) {
    const inner = Object.hasOwn(at, part) && isJsonObject(at[part]) ? { ...at[part] } : {}
    at[part] = inner
    at = inner
  }
  Object.assign(at, value)
}
