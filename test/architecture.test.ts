import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, join, posix, resolve } from 'node:path'
import ts from 'typescript'
import { readWorkspacePackages, type WorkspacePackage } from '../scripts/workspace-packages.ts'

const ROOT = resolve(__dirname, '..')

/** Who may import whom: lower numbers only, never sideways. A new package gets a row. */
const LAYERS: Readonly<Record<string, number>> = {
  '@countermark/core': 0,
  '@countermark/outbound': 1,
  // Capability exports its names for one release more.
  '@countermark/idempotency': 1,
  '@countermark/keys': 2,
  '@countermark/signature': 2,
  '@countermark/replay': 2,
  '@countermark/delegation': 2,
  '@countermark/capability': 2,
  '@countermark/api-keys': 2,
  '@countermark/metrics': 2,
  '@countermark/risk': 2,
  '@countermark/policy': 2,
  '@countermark/audit': 2,
  '@countermark/ed25519-tables': 2,
  '@countermark/testing': 2,
  '@countermark/express': 3,
  '@countermark/koa': 3,
  '@countermark/client': 4,
  '@countermark/authority': 4,
  countermark: 5,
}

/** Where time and environment enter as defaults; everywhere else they are arguments. */
const AMBIENT: Readonly<Record<string, readonly string[]>> = {
  'packages/core/src/environment.ts': ['Date.now', 'performance.now'],
  'packages/core/src/guard/options.ts': ['process.env'],
  'packages/core/src/node/guard.ts': ['process.env'],
  'packages/core/src/node/single-process.ts': ['process.env'],
  'packages/countermark/src/complete-options.ts': ['process.env'],
  'packages/testing/src/servers/programs.ts': ['process.env'],
}

/** What a profile would show at once, had it a Map for each request; elsewhere that may read best. */
const EVERY_REQUEST = [
  'packages/core/src/guard/run.ts',
  'packages/core/src/guard/state.ts',
  'packages/core/src/node/request.ts',
  'packages/signature/src/verify-with-keys.ts',
  'packages/signature/src/http/fields.ts',
  'packages/replay/src/fence.ts',
  'packages/replay/src/prevent-replay.ts',
]

/** Behind an entry point of its own, what is dear is loaded only where it is imported. */
const OWN_ENTRY = /^packages\/audit\/src\/sql\/|^packages\/authority\/|^packages\/testing\//

const NAMELESS = /^(utils?|helpers?|common|types|misc|shared|.*manager)\.ts$/
const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']

const packages = readWorkspacePackages(ROOT)
const sources = packages.flatMap(({ sources }) => sources)

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function importsOf(file: string): readonly string[] {
  return ts.preProcessFile(read(file)).importedFiles.map(({ fileName }) => fileName)
}

/** `@countermark/core/node` → `@countermark/core`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function importedPackages({ sources }: WorkspacePackage): readonly string[] {
  const outside = sources.flatMap(importsOf).filter((specifier) => !/^(\.|node:)/.test(specifier))
  return [...new Set(outside.map(packageOf))].sort()
}

/** Files whose code, without comments and strings, matches. */
function filesWith(pattern: RegExp, files: readonly string[] = sources): readonly string[] {
  return files.filter((file) => pattern.test(codeOf(read(file))))
}

function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*|'(?:[^'\\\n]|\\.)*'/g, '')
}

function relativeImportsOf(file: string): readonly string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(file), specifier))
}

const relativeImports = new Map(sources.map((file) => [file, relativeImportsOf(file)]))

/** Whether a file imports itself by way of others. */
function reachesItself(file: string): boolean {
  const seen = new Set<string>()
  const ahead = [...(relativeImports.get(file) ?? [])]
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (next === file) return true
    if (seen.has(next)) continue
    seen.add(next)
    ahead.push(...(relativeImports.get(next) ?? []))
  }
  return false
}

describe.each(packages.map((entry) => [entry.name, entry] as const))('%s', (name, entry) => {
  it('imports only packages that it declares', () => {
    const { dependencies, peerDependencies } = entry.manifest
    const declared = Object.keys({ ...dependencies, ...peerDependencies })
    expect(importedPackages(entry).filter((other) => !declared.includes(other))).toEqual([])
  })

  it('depends on no package that it does not import', () => {
    const imported = importedPackages(entry)
    expect(Object.keys(entry.manifest.dependencies ?? {}).filter((other) => !imported.includes(other))).toEqual([])
  })

  it('imports only packages of lower layers', () => {
    const siblings = importedPackages(entry).filter((other) => other.startsWith('@countermark/'))
    const layer = LAYERS[name] ?? Number.NaN
    expect(siblings.filter((other) => !((LAYERS[other] ?? Number.NaN) < layer))).toEqual([])
  })

  it('names relative imports by their file, inside its own sources', () => {
    const relative = entry.sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(posix.dirname(file), specifier)),
    )
    expect(relative.filter((target) => !entry.sources.includes(target))).toEqual([])
  })

  it('imports built-in modules with the node: prefix', () => {
    expect(entry.sources.flatMap(importsOf).filter((specifier) => builtinModules.includes(specifier))).toEqual([])
  })

  it('runs nothing when it is installed', () => {
    expect(Object.keys(entry.manifest.scripts ?? {}).filter((script) => LIFECYCLE.includes(script))).toEqual([])
  })

  it('is versioned with the others and pins them exactly', () => {
    const pins = Object.entries(entry.manifest.dependencies ?? {}).filter(([other]) => other in LAYERS)
    const versions = new Map(packages.map(({ name, manifest }) => [name, manifest.version]))
    expect(pins.filter(([other, version]) => versions.get(other) !== version)).toEqual([])
  })
})

describe('the sources', () => {
  it('keep every file under 250 lines', () => {
    expect(sources.filter((file) => read(file).split('\n').length > 251)).toEqual([])
  })

  it('import in no circle, types included', () => {
    expect(sources.filter((file) => reachesItself(file))).toEqual([])
  })

  it('name files after what is in them', () => {
    expect(sources.filter((file) => NAMELESS.test(basename(file)))).toEqual([])
  })

  it('re-export by name only', () => {
    expect(filesWith(/\bexport\s*\*/)).toEqual([])
  })

  it('have no default export', () => {
    const ours = sources.filter((file) => !file.endsWith('.d.ts')) // those describe packages of others
    expect(filesWith(/\bexport\s+default\b|\bas\s+default\b/, ours)).toEqual([])
  })

  // V8 makes a hidden class for each such object, and a hidden class is old at once: what the getter refers to outlives every
  // collection of young objects. Made for each request, that doubled what a request costs. A class has its getters once.
  it('have no getter in an object literal', () => {
    const hasGetter = (node: ts.Node): boolean =>
      (ts.isGetAccessor(node) && ts.isObjectLiteralExpression(node.parent)) ||
      (ts.forEachChild(node, hasGetter) ?? false)
    const parsed = (file: string): ts.Node => ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
    expect(filesWith(/^\s*get\b/m).filter((file) => hasGetter(parsed(file)))).toEqual([])
  })

  it('make no Map and no Set where every request passes', () => {
    const path = sources.filter((file) => EVERY_REQUEST.includes(file))
    expect(path).toHaveLength(EVERY_REQUEST.length)
    expect(filesWith(/\bnew (?:Weak)?(?:Map|Set)\b/, path)).toEqual([])
  })

  it('load on first use what is dear to load', () => {
    const eager = /^import (?!type\b)[^'\n]*from '(?:jose|yaml|prom-client|kysely)\b/m
    expect(sources.filter((file) => eager.test(read(file)) && !OWN_ENTRY.test(file))).toEqual([])
  })

  it('write nothing to the console', () => {
    expect(filesWith(/\bconsole\s*\./)).toEqual([])
  })

  it.each(['Date.now', 'performance.now', 'process.env'])('read %s only where a default is made', (name) => {
    const allowed = Object.keys(AMBIENT).filter((file) => AMBIENT[file]?.includes(name))
    expect(filesWith(new RegExp(`\\b${name.replace('.', '\\.')}\\b`))).toEqual(allowed.sort())
  })

  // @types/node 26 exports JsonWebKey elsewhere: what names it does not compile for half of those who install it.
  it('name no type that @types/node moved', () => {
    expect(filesWith(/\bJsonWebKey\b/)).toEqual([])
  })

  it('make no time of their own', () => {
    expect(filesWith(/\bnew Date\(\)|\bprocess\.hrtime\b/)).toEqual([])
  })

  it('keep public interfaces on one screen: index.ts only re-exports', () => {
    const indexes = sources.filter((file) => basename(file) === 'index.ts')
    const statements = indexes.flatMap((file) =>
      ts
        .createSourceFile(file, read(file), ts.ScriptTarget.ES2023)
        .statements.map((statement) => ({ file, statement })),
    )
    expect(statements.filter(({ statement }) => !ts.isExportDeclaration(statement)).map(({ file }) => file)).toEqual([])
  })
})

interface LockEntry {
  readonly resolved?: string
  readonly link?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

describe('the lockfile', () => {
  const lock: { readonly packages: Readonly<Record<string, LockEntry>> } = JSON.parse(read('package-lock.json'))

  it('names no registry', () => {
    const remote = Object.entries(lock.packages).filter(([, { resolved = '' }]) => /^[a-z+]+:\/\//.test(resolved))
    expect(remote.map(([path]) => path)).toEqual([])
  })

  it('knows every package of the workspace', () => {
    const linked = packages.filter(({ name }) => lock.packages[`node_modules/${name}`]?.link !== true)
    expect(linked.map(({ name }) => name)).toEqual([])
  })

  // A registry that mirrors only one platform leaves the others' binaries out, and then `npm ci` refuses to start.
  it('holds the optional packages of every platform', () => {
    const wanted = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    const held = new Set(Object.keys(lock.packages).map((path) => path.split('node_modules/').at(-1)))
    expect(wanted.filter((name) => !held.has(name))).toEqual([])
  })
})
