import { resolve } from 'node:path'
import type { Verdict } from '../../signature/test/conformance/vector.ts'
import { readTokenSuites } from './conformance/suites.ts'

const FOLDER = resolve(__dirname, '../../../../shared/conformance')
const suites = readTokenSuites(FOLDER)

describe('the vectors', () => {
  if (suites.length === 0) process.stderr.write(`notice: passed over, the vectors are not in ${FOLDER}\n`)

  it.each(
    suites.length === 0 ? [['nothing', undefined] as const] : suites.map((suite) => [suite.file, suite] as const),
  )('%s gives exactly what it expects', async (_file, judged) => {
    const failures: string[] = []
    for (const vector of judged?.suite.cases ?? []) {
      const verdict: Verdict | undefined = await judged?.judge(vector, judged.suite)
      if (typeof verdict === 'object' && 'fail' in verdict) failures.push(`${vector.name}: ${verdict.fail}`)
    }
    expect(failures).toEqual([])
  })
})
