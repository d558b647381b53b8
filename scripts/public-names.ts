// The public names of each package, by entry: npm run public-names [-- --unused]
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { readWorkspacePackages } from './workspace-packages.ts'

const ROOT = process.cwd()
/** Ours alone: documented as not covered by semver. */
const INTERNAL = /\/internal$/

const packages = readWorkspacePackages(ROOT)
const prose = ['README.md', 'docs', 'examples', ...packages.map(({ folder }) => `${folder}/README.md`)]
  .flatMap(filesIn)
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')
const words = new Set(prose.match(/[A-Za-z_$][\w$]*/g))
const all = new Set<string>()
for (const { name, folder, manifest } of packages) {
  const names = new Set<string>()
  for (const [path, target] of Object.entries(manifest.exports)) {
    const source = typeof target === 'string' ? undefined : target['@countermark/source']
    if (source === undefined || INTERNAL.test(path)) continue
    for (const each of exportedNames(join(folder, source))) names.add(each)
  }
  const unused = [...names].filter((each) => !words.has(each))
  for (const each of names) all.add(each)
  console.log(
    `${name.padEnd(30)} ${String(names.size).padStart(4)}  unnamed in examples and docs: ${unused.join(', ') || 'none'}`,
  )
}
console.log(`${all.size} public names`)

function exportedNames(file: string): readonly string[] {
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023)
  return statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause } = statement
      const isNamed = exportClause !== undefined && ts.isNamedExports(exportClause)
      return isNamed ? exportClause.elements.map(({ name }) => name.text) : []
    }
    return isExported(statement) ? declaredNames(statement) : []
  })
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
}

function declaredNames(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText())
  }
  const name = ts.getNameOfDeclaration(statement as ts.DeclarationStatement)
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
}

function filesIn(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path).flatMap((entry) =>
    entry === 'node_modules' || entry === 'decisions' ? [] : filesIn(join(path, entry)),
  )
}
