import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const ROOT = resolve(__dirname, '..')
const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')

function section(heading: string): string {
  return page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
}

/** Paths in the text, such as `packages/core/src/check.ts`; a placeholder is none. */
function pathsIn(text: string): readonly string[] {
  return [...text.matchAll(/`((?:packages|docs|test|scripts|examples|benchmarks)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )
}

describe('CONTRIBUTING.md', () => {
  it('names paths that are there', () => {
    const paths = pathsIn(page)
    expect(paths.length).toBeGreaterThan(20)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('tells the life of a request in the order in which a real one passes', async () => {
    const steps = section('The life of a request')
      .split('\n')
      .filter((line) => /^\d+\. /.test(line))
    const told = steps.flatMap(pathsIn)
    const command = ['--import', 'tsx', '--conditions=@countermark/source', 'scripts/storyline.ts']
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT })
    const passed = stdout.split('\n')
    expect(told.length).toBeGreaterThanOrEqual(12)
    expect(told).toEqual(passed.filter((path) => told.includes(path)))
  }, 60_000)

  it.each(['Add a check', 'Add a credential', 'Add a metric', 'Add a refusal'])(
    'says in at most 15 lines how to %s',
    (heading) => {
      const lines = section(heading).trim().split('\n')
      expect(lines.length).toBeGreaterThan(2)
      expect(lines.length).toBeLessThanOrEqual(15)
    },
  )
})
