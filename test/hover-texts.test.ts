import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import ts from 'typescript'
import { readWorkspacePackages } from '../scripts/workspace-packages.ts'

const ROOT = resolve(__dirname, '..')
/** Ours alone: documented as not covered by semver. */
const INTERNAL = /\/internal$/

const entries = readWorkspacePackages(ROOT).flatMap(({ name, folder, manifest }) =>
  Object.entries(manifest.exports).flatMap(([path, target]) => {
    const source = typeof target === 'string' ? undefined : target['@countermark/source']
    if (source === undefined || INTERNAL.test(path)) return []
    return [[join(name, path), join(folder, source)] as const]
  }),
)

const parsed = new Map<string, ts.SourceFile>()

function parse(file: string): ts.SourceFile {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.ES2023, true)
  parsed.set(file, source)
  return source
}

/** Every name that a file exports: where it is declared, and as what. What comes from another package is looked at there. */
function exportsOf(file: string): readonly (readonly [file: string, name: string])[] {
  return parse(file).statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) {
      return isExported(statement) ? namesOf(statement).map((name) => [file, name] as const) : []
    }
    const { exportClause, moduleSpecifier } = statement
    if (exportClause === undefined || !ts.isNamedExports(exportClause)) return []
    const from = moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : ''
    if (!from.startsWith('.')) return []
    const target = join(dirname(file), from)
    return exportClause.elements.map(({ name, propertyName = name }) => [target, propertyName.text] as const)
  })
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
  const name = ts.getNameOfDeclaration(statement as ts.DeclarationStatement)
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
}

/** A name and its members that show no text when the pointer rests on them. */
function silentIn(file: string, name: string): readonly string[] {
  const declarations = parse(file).statements.filter((statement) => namesOf(statement).includes(name))
  if (declarations.length === 0) {
    // Handed on once more.
    const [further] = exportsOf(file).filter(([from, each]) => each === name && from !== file)
    return further === undefined ? [] : silentIn(...further)
  }
  const isSilent = !declarations.some(hasText)
  const members = declarations.flatMap(membersOf).filter((member) => !hasText(member))
  return [
    ...(isSilent ? [name] : []),
    ...members.map((member) => `${name}.${ts.getNameOfDeclaration(member)?.getText()}`),
  ]
}

function hasText(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).length > 0
}

function membersOf(declaration: ts.Statement): readonly ts.Declaration[] {
  if (ts.isInterfaceDeclaration(declaration)) return declaration.members.filter(({ name }) => name !== undefined)
  if (ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type))
    return [...declaration.type.members]
  if (!ts.isClassDeclaration(declaration)) return []
  return declaration.members.filter(({ name }) => name !== undefined && !ts.isPrivateIdentifier(name))
}

describe('what an editor shows', () => {
  it.each(entries)('of %s is a text for each name and each member', (_entry, file) => {
    const silent = exportsOf(file).flatMap(([from, name]) => silentIn(from, name))
    expect(silent).toEqual([])
  })
})
