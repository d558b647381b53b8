import { resolve } from 'node:path'
import { readSuites } from './conformance/suites.ts'
import type { Verdict } from './conformance/vector.ts'

const FOLDER = resolve(__dirname, '../../../../shared/conformance')
const suites = readSuites(FOLDER)

describe('the vectors', () => {
  if (suites.length === 0) process.stderr.write(`notice: passed over, the vectors are not in ${FOLDER}\n`)
  const table = suites.map(({ file, judge, suite }) => ({ file, judge, suite }))

  it('are read in place', () => expect([0, 16]).toContain(table.length))

  for (const { file, judge, suite } of table) {
    it(`${file} gives exactly what it expects`, async () => {
      const failures: string[] = []
      for (const vector of suite.cases) {
        const verdict: Verdict = await judge(vector, suite)
        if (verdict !== 'pass' && 'fail' in verdict) failures.push(`${vector.name}: ${verdict.fail}`)
      }
      expect(failures).toEqual([])
    })
  }
})
