import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Misconfigured, type RefusalRow } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'
import ts from 'typescript'
import { readWorkspacePackages } from '../scripts/workspace-packages.ts'

const ROOT = resolve(__dirname, '..')
const run = promisify(execFile)

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function headingsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)
}

const readmes = readWorkspacePackages(ROOT).map(({ folder }) => `${folder}/README.md`)

function listMarkdown(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`)
  const root = readdirSync(ROOT)
  return [...root, ...readmes, ...docs].filter((name) => name.endsWith('.md') && existsSync(join(ROOT, name)))
}

describe('docs/refusals.md', () => {
  const file = 'docs/refusals.md'

  it('has a heading for every refusal code, in the order of the table', () => {
    expect(headingsOf(file)).toEqual(Object.keys(REFUSAL_CODES))
  })

  it.each(Object.entries<RefusalRow>(REFUSAL_CODES))('states what %s looks like on the wire', (code, row) => {
    const section = read(file).split(`\n## ${code}\n`)[1]?.split('\n## ')[0]
    const error = row.signatureError === undefined ? '–' : `\`${row.signatureError}\``
    expect(section).toContain(`| ${row.status} | ${row.wba ?? row.status} | ${row.seed ?? row.status} | ${error} |`)
  })

  it.each(Object.keys(REFUSAL_CODES))('says who acts on %s, and how', (code) => {
    const section = read(file).split(`\n## ${code}\n`)[1]?.split('\n## ')[0]
    expect(section).toMatch(/\*\*Who acts\*\*: .+\s+[\s\S]*\*\*Fix\*\*:\s+\S/)
  })
})

describe('docs/configuration-errors.md', () => {
  it('has a heading for every code that Misconfigured may carry', () => {
    const file = 'packages/core/src/misconfigured.ts'
    const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023)
    const union = source.statements
      .filter(ts.isTypeAliasDeclaration)
      .find(({ name }) => name.text === 'MisconfiguredCode')?.type
    const codes = union?.getText(source).match(/ERR_[A-Z_]+/g)
    expect(headingsOf('docs/configuration-errors.md')).toEqual(codes)
  })

  it('is where Misconfigured says that it is, once it is installed', () => {
    const { docs } = new Misconfigured('ERR_OPTION_MISSING', 'say who you are')
    const [, name, page = '', anchor] = /^node_modules\/(.+)\/dist\/(.+)#(.+)$/.exec(docs) ?? []
    expect([name, anchor]).toEqual(['@countermark/core', 'err_option_missing'])
    expect(read('tsdown.config.ts')).toContain(`'../../docs/${page}'`)
    expect(headingsOf(`docs/${page}`).map((heading) => heading.toLowerCase())).toContain(anchor)
  })
})

describe('the README', () => {
  it('has at most 700 words', () => {
    const words = read('README.md').match(/\S+/g) ?? []
    expect(words.length).toBeLessThanOrEqual(700)
  })
})

describe('the README of a package', () => {
  it.each(readmes)('%s exists and fits on two screens', (file) => {
    expect(read(file).split('\n').length).toBeLessThanOrEqual(121)
  })
})

describe('a README that npm shows, or an editor in node_modules,', () => {
  it.each(readmes)('%s links to nothing beside its package', (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, target = '']) => target)
    expect(links.filter((target) => target.startsWith('..') || !existsSync(join(ROOT, dirname(file), target)))).toEqual(
      [],
    )
  })

  it.each(readmes)('%s names pages and examples by paths that exist', (file) => {
    const paths = [...read(file).matchAll(/`((?:docs|examples)\/[\w./-]+)`/g)].map(([, path = '']) => path)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })
})

describe('links between documents', () => {
  it.each(listMarkdown())('%s points only to what exists', (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, target = '']) => target)
    const missing = links.filter((target) => !existsSync(join(ROOT, dirname(file), target)))
    expect(missing).toEqual([])
  })
})

describe('TypeScript in the documentation', () => {
  const folder = join(ROOT, '.snippets')
  const options = { noEmit: true, composite: false, emitDeclarationOnly: false, isolatedDeclarations: false }
  const lenient = {
    noUnusedLocals: false,
    noUnusedParameters: false,
    experimentalDecorators: true,
    types: ['node', 'jest'],
  }

  it('compiles, each block on its own', async () => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    const written = listMarkdown().flatMap((file) => writeSnippets(folder, file))
    const compilerOptions = { ...options, ...lenient }
    const config = { extends: '../tsconfig.base.json', compilerOptions, include: ['*.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const result = await run(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], { cwd: ROOT }).catch(
      (error: { stdout: string }) => error,
    )
    // What packages get wrong themselves is reported by `npm run types`.
    expect(result.stdout.split('\n').filter((line) => /^(?:\.snippets\/|error )/.test(line))).toEqual([])
    expect(written.length).toBeGreaterThan(0)
  }, 120_000)
})

/** One file for each block, on the same lines as in the document, so that the compiler's positions are the document's. */
function writeSnippets(folder: string, file: string): readonly string[] {
  const text = read(file)
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(({ index, 1: code = '' }, position) => {
    const line = text.slice(0, index).split('\n').length
    const path = join(folder, `${file.replace(/\W/g, '-')}-${position + 1}.ts`)
    writeFileSync(path, `${'\n'.repeat(line)}${code}\nexport {}\n`)
    return path
  })
}
