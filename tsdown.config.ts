import { copyFileSync, cpSync, rmSync } from 'node:fs'
import { defineConfig, type UserConfig } from 'tsdown'
import { readWorkspacePackages, type WorkspacePackage } from './scripts/workspace-packages.ts'

/** Hover texts are in the declarations: code carries what bundlers and licences read. */
const COMMENTS = { legal: true, annotation: true, jsdoc: false }

/** Every program loads all of core: each file more takes a part of a millisecond. Declarations stay as they fall. */
const ONE_CHUNK = { codeSplitting: { groups: [{ name: 'shared', minShareCount: 2, test: /(?<!\.d)\.ts$/ }] } }

/** One ESM and one CommonJS build per package; the entries are the package's own `exports`. */
function builds({ name, folder, manifest, sources }: WorkspacePackage): readonly UserConfig[] {
  const entry = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' || target['@countermark/source'] === undefined ? [] : [target['@countermark/source']],
  )
  const commands = Object.values(manifest.bin ?? {}).map((file) =>
    file.replace('./dist/', './src/').replace('.mjs', '.ts'),
  )
  // A program of a thread is loaded from beside the code that starts it.
  for (const file of sources) if (file.endsWith('-thread.ts')) entry.push(file.replace(folder, '.'))
  // Nothing is bundled but what CommonJS cannot load: jose is published as ES modules only.
  const onlyBundle = 'jose' in (manifest.dependencies ?? {}) ? [/^jose(?:\/|$)/] : []
  const shared: UserConfig = {
    name,
    cwd: folder,
    tsconfig: 'tsconfig.json',
    entry,
    platform: 'node',
    target: 'node20',
    dts: true,
    report: false,
    checks: { pluginTimings: false },
  }
  return [
    // A `require` of what is loaded on first use stays one, so that the user's bundler finds it.
    {
      ...shared,
      entry: [...entry, ...commands],
      format: 'esm',
      deps: { onlyBundle: [] },
      outputOptions: { polyfillRequire: false, comments: COMMENTS, ...(name === '@countermark/core' ? ONE_CHUNK : {}) },
      // The pages that errors and refusals name, and by which the command line explains codes.
      copy: name === '@countermark/core' ? ['../../docs/refusals.md', '../../docs/configuration-errors.md'] : [],
    },
    {
      ...shared,
      format: 'cjs',
      deps: { alwaysBundle: onlyBundle, onlyBundle },
      // Otherwise the helpers for default imports land in whichever entry needs them, and the others load that entry.
      outputOptions: {
        strict: true,
        comments: COMMENTS,
        codeSplitting: { groups: [{ name: 'runtime', test: /rolldown.runtime/ }] },
      },
      clean: false,
    },
  ]
}

const packages = readWorkspacePackages(process.cwd())
// npm packs the licence that lies beside a package.json: one original, copied, never edited.
for (const { folder } of packages) copyFileSync('LICENSE', `${folder}/LICENSE`)

// The pages that every README names by path are installed with `countermark`.
const DOCS = 'packages/countermark/docs'
rmSync(DOCS, { recursive: true, force: true })
cpSync('docs', DOCS, { recursive: true, filter: (path) => !/^docs\/(?:api|decisions|figures|images)\b/.test(path) })

export default defineConfig(packages.flatMap(builds))
