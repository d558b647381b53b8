import { join, resolve } from 'node:path'
import { Application, type Context, Converter, type ProjectReflection, type Reflection, ReflectionKind } from 'typedoc'
import { readWorkspacePackages } from './workspace-packages.ts'

// Writes the API reference of every public entry point into the folder `.api`, and ends with 1 for a public member without
// a text or a link that leads nowhere.
const ROOT = resolve(import.meta.dirname, '..')
const UMBRELLA = 'countermark'
/** What packages add their codes to: the text of a code is its title in the table of refusals. */
const CODES = 'ForeignRefusalCodes'
/** Where types go that public ones are made of, and that cannot be imported. */
const INTERNAL = 'not exported'

/** What applications import, by the name they import it by: `@countermark/audit/sinks`. */
function findEntries(): ReadonlyMap<string, string> {
  const packages = readWorkspacePackages(ROOT)
  // The umbrella comes last: what it passes on is described where it is from.
  const inOrder = [
    ...packages.filter(({ name }) => name !== UMBRELLA),
    ...packages.filter(({ name }) => name === UMBRELLA),
  ]
  const entries = inOrder.flatMap(({ folder, name, manifest }) =>
    Object.entries(manifest.exports).flatMap(([path, target]) => {
      const source = typeof target === 'string' ? undefined : target['@countermark/source']
      return source === undefined || path === './internal' ? [] : [[join(ROOT, folder, source), name + path.slice(1)]]
    }),
  )
  return new Map(entries as [string, string][])
}

/** TypeScript takes the braces behind `@throws` for a type and finds no symbol there: the name alone says which one is meant. */
function resolveByName({ project }: Context): void {
  const known = new Map(project.getReflectionsByKind(ReflectionKind.SomeExport).map((target) => [target.name, target]))
  for (const { comment } of project.getReflectionsByKind(ReflectionKind.All)) {
    for (const part of (comment?.blockTags ?? []).flatMap(({ content }) => content)) {
      const target = known.get(part.text.trim())
      if (part.kind === 'inline-tag' && part.target === undefined && target !== undefined) part.target = target
    }
  }
}

function nameModules(project: ProjectReflection, entries: ReadonlyMap<string, string>): void {
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    module.name = entries.get(module.sources?.[0]?.fullFileName ?? '') ?? module.name
  }
}

const PUBLIC = ReflectionKind.SomeExport | ReflectionKind.Property | ReflectionKind.Method | ReflectionKind.Accessor

/** Members of a type that is written in place have the text of what has this type. */
function findUndocumented(project: ProjectReflection): readonly Reflection[] {
  return project.getReflectionsByKind(PUBLIC).filter((member) => {
    if (
      !member.isDeclaration() ||
      member.kindOf(ReflectionKind.SomeModule) ||
      member.isReference() ||
      member.flags.isExternal ||
      isInside(member)
    )
      return false
    const { signatures = [], getSignature } = member
    const inType = member.type?.type === 'reflection' ? (member.type.declaration.signatures ?? []) : []
    return ![member, getSignature, ...signatures, ...inType].some((part) => part?.hasComment())
  })
}

function isInside({ parent }: Reflection): boolean {
  if (parent === undefined) return false
  if (parent.name === CODES) return true
  return parent.kindOf(ReflectionKind.TypeLiteral) || parent.name === INTERNAL || isInside(parent)
}

const entries = findEntries()
const app = await Application.bootstrapWithPlugins({
  name: UMBRELLA,
  tsconfig: join(ROOT, 'tsconfig.api.json'),
  entryPoints: [...entries.keys()],
  plugin: ['typedoc-plugin-missing-exports'],
  skipErrorChecking: true, // `npm run types` does it
  excludeExternals: true,
  readme: 'none',
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  logLevel: 'Warn',
})
app.options.setValue('internalModule', INTERNAL)
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, resolveByName)
const project = await app.convert()
if (project === undefined) process.exit(1)
nameModules(project, entries)
for (const member of findUndocumented(project)) app.logger.error(`${member.getFullName()} has no text`)
app.validate(project)
await app.generateDocs(project, join(ROOT, '.api'))
console.log(`${entries.size} entry points in .api/index.html`)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
