import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const ROOT = resolve(__dirname, '..', '..')
const DOCS = join(ROOT, 'docs')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const pages = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)

/** What is there of what a page links to, from the root. */
function linksTo(file: string): readonly string[] {
  const targets = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, target = '']) =>
    relative(ROOT, join(ROOT, dirname(file), target)),
  )
  return targets.filter((target) => existsSync(join(ROOT, target)))
}

/** The pages that a page links to; a folder stands for the pages in it. */
function linksOf(file: string): readonly string[] {
  return linksTo(file).flatMap(pagesAt)
}

function pagesAt(path: string): readonly string[] {
  if (!statSync(join(ROOT, path)).isDirectory()) return path.endsWith('.md') ? [path] : []
  return pages.filter((page) => dirname(page) === path)
}

describe('the index', () => {
  it('leads to every page', () => {
    const reached = new Set(['docs/README.md'])
    for (const page of reached) for (const next of linksOf(page)) if (next.startsWith('docs/')) reached.add(next)
    expect(pages.filter((page) => !reached.has(page))).toEqual([])
  })

  it('has every page of docs itself', () => {
    const listed = linksOf('docs/README.md')
    expect(
      pages.filter((page) => dirname(page) === 'docs' && page !== 'docs/README.md' && !listed.includes(page)),
    ).toEqual([])
  })

  it('is one click from the README', () => {
    expect(linksOf('README.md')).toContain('docs/README.md')
  })
})

describe('packages and examples', () => {
  it.each(['packages', 'examples'])('has each of %s', (folder) => {
    const listed = linksTo('docs/packages.md')
    const names = readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`)
    expect(names.filter((name) => existsSync(join(ROOT, name, 'package.json')) && !listed.includes(name))).toEqual([])
  })
})

/** What was decided and measured stays as it was written. */
const HISTORY = /^docs\/(?:decisions|figures)\//

describe('plain English', () => {
  const current = pages.filter((page) => !HISTORY.test(page))
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`)

  it.each(['README.md', ...current, ...packages])('%s has subjects that are things, or you', (page) => {
    const prose = read(page)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .replace(/`[^`\n]*`/g, '')
    expect(prose.match(/\b(?:whoever|whomever|somebody|someone|nobody)\b.{0,40}/gi) ?? []).toEqual([])
  })

  it.each(current)('%s begins with its title and says what it is for', (page) => {
    const [title = '', , first = ''] = read(page).split('\n')
    expect(title).toMatch(/^# \S/)
    expect(first).not.toBe('')
  })
})
