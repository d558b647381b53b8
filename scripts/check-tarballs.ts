import { join } from 'node:path'
import { runCommand } from './run-command.ts'
import { inPairs, type Tally } from './tally.ts'
import type { WorkspacePackage } from './workspace-packages.ts'

interface PackReport {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

const EXPECTED = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^dist\/[\w.-]+\.[cm]?(?:js|ts)$/,
  // The pages that errors and refusals name.
  /^dist\/(?:refusals|configuration-errors)\.md$/,
  // The pages that READMEs name by path.
  /^docs\/[\w./-]+\.md$/,
  // What a binary in the sources is made of.
  /^native\/[\w-]+\.[ch]$/,
  // What operators load or read, beside the names it uses.
  /^(?:grafana|prometheus|runbooks)\/[\w./-]+\.(?:json|ya?ml|md)$/,
]
const REQUIRED = ['package.json', 'README.md', 'LICENSE']

/** Packs every package and looks at the result as a stranger would. Returns the tarballs by package name. */
export async function checkTarballs(
  root: string,
  packages: readonly WorkspacePackage[],
  target: string,
  tally: Tally,
): Promise<ReadonlyMap<string, string>> {
  const tarballs = new Map<string, string>()
  await inPairs(packages, async ({ name, folder, manifest, sources }) => {
    const pack = ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', target]
    const packed = await runCommand('npm', pack, { folder: join(root, folder) })
    if (!packed.ok) return void tally.add(`${name} packs`, packed)
    const report = readReport(packed.stdout)
    tally.add(`${name} packs exactly what it should`, {
      ...packed,
      ...judgeFiles(report, [...entryFiles(manifest), ...threadFiles(sources)]),
    })
    const tarball = join(target, report.filename.replace('@', '').replace('/', '-'))
    tarballs.set(name, tarball)
    const bin = join(root, 'node_modules/.bin')
    tally.add(`${name} publint`, await runCommand(join(bin, 'publint'), ['--strict', tarball], { folder: root }))
    const attw = [tarball, '--profile', 'node16', '--format', 'ascii', '--no-emoji', '--no-definitely-typed']
    tally.add(`${name} types resolve`, await runCommand(join(bin, 'attw'), attw, { folder: root }))
  })
  return tarballs
}

/** npm answers a list or, since version 11, a record by package name. */
function readReport(text: string): PackReport {
  const [report]: readonly PackReport[] = Object.values(JSON.parse(text))
  if (report === undefined) throw new Error('npm pack reported nothing')
  return report
}

/** What is built for the entry points of a package, in both formats. */
function entryFiles({ exports }: WorkspacePackage['manifest']): readonly string[] {
  return Object.values(exports).flatMap((target) => {
    const source = typeof target === 'string' ? undefined : target['@countermark/source']
    const name = source?.match(/^\.\/src\/([\w/-]+)\.ts$/)?.[1]
    return name === undefined ? [] : [`dist/${name}.mjs`, `dist/${name}.cjs`]
  })
}

/** Programs of threads, which no entry point names. */
function threadFiles(sources: readonly string[]): readonly string[] {
  return sources.flatMap((file) => {
    const name = file.match(/\/([\w-]+-thread)\.ts$/)?.[1]
    return name === undefined ? [] : [`dist/${name}.mjs`]
  })
}

function judgeFiles(
  { files }: PackReport,
  entries: readonly string[],
): { readonly ok: boolean; readonly output: string } {
  const paths = files.map(({ path }) => path)
  const missing = [...REQUIRED, ...entries].filter((path) => !paths.includes(path))
  const surplus = paths.filter((path) => !EXPECTED.some((pattern) => pattern.test(path)))
  const output = [...missing.map((path) => `missing: ${path}`), ...surplus.map((path) => `surplus: ${path}`)].join('\n')
  return { ok: output === '', output }
}
