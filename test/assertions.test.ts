import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findHiddenAssertions } from './support/hidden-assertions.ts'

const ROOT = resolve(__dirname, '..')

function readTests(): readonly { readonly path: string; readonly text: string }[] {
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/test`)
  const paths = ['test', 'packages/testing/src', ...packages].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  )
  const sources = paths.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  return sources.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

describe('assertions', () => {
  it('run always, in loops that run, and name the error they expect', () => {
    const tests = readTests()
    const hidden = tests.flatMap(({ path, text }) =>
      findHiddenAssertions(path, text).map(({ line, why }) => `${path}:${line} ${why}`),
    )
    expect(hidden).toEqual([])
    expect(tests.length).toBeGreaterThan(300)
  })

  it.each([
    ['if (found) expect(a).toBe(1)', 'behind a condition'],
    ['found && expect(a).toBe(1)', 'behind a condition'],
    ['try { run() } catch (error) { expect(error).toBe(1) }', 'behind a condition'],
    ['for (const a of list) expect(a).toBe(1)', 'in a loop that may run over nothing'],
    ['while (next()) expect(a).toBe(1)', 'in a loop that may run over nothing'],
    ['expect(run).toThrow()', 'toThrow without an error'],
  ])('are found where they hide: %s', (body, why) => {
    expect(findHiddenAssertions('a.test.ts', `it('is', () => { ${body} })`)).toEqual([{ line: 1, why }])
  })

  it.each([
    'for (const a of [1, 2]) expect(a).toBe(1)',
    'for (let at = 0; at < 3; at++) expect(at).toBe(1)',
    'for (const a of list) expect(a).toBe(1); expect(list).toHaveLength(2)',
    'fc.assert(fc.property(any, (list) => { for (const a of list) expect(a).toBe(1) }))',
    'expect(found ? 1 : 2).toBe(1)',
    'expect(run).not.toThrow()',
  ])('are left alone where they run: %s', (body) => {
    expect(findHiddenAssertions('a.test.ts', `it('is', () => { ${body} })`)).toEqual([])
  })
})
