import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'tsdown'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly '@countermark/source'?: string }>>
}

/** One ESM and one CommonJS build per package; the entries are the package's own `exports`. */
function builds(folder: string) {
  const manifest: Manifest = JSON.parse(readFileSync(`packages/${folder}/package.json`, 'utf8'))
  const sources = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' || target['@countermark/source'] === undefined ? [] : [target['@countermark/source']],
  )
  const entry = sources.map((source) => `packages/${folder}/${source.slice(2)}`)
  const shared = { entry, outDir: `packages/${folder}/dist`, platform: 'node', target: 'node20', dts: true } as const
  const external = [/^@countermark\//, /^node:/]
  return [
    { ...shared, format: 'esm', external },
    { ...shared, format: 'cjs', external, noExternal: ['jose'], clean: false },
  ] as const
}

export default defineConfig(readdirSync('packages').flatMap(builds))
