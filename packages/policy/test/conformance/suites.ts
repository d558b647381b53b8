import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { opaWasm } from '@countermark/policy/opa-wasm'
import type { JudgedSuite } from '../../../signature/test/conformance/suites.ts'
import type { JudgeVector, Suite, Verdict } from '../../../signature/test/conformance/vector.ts'
import { evaluate } from '../../src/cedar/cedar-engine.ts'
import { loadCedar } from '../../src/cedar/cedar-module.ts'
import { readPolicies } from '../../src/cedar/cedar-policies.ts'
import { bundleFiles, tarGz } from '../a-bundle.ts'
import { askTodoPoint, type TodoPeople } from './todo-app.ts'

/** The suites of a folder that concern this package, in a fixed order; empty when the folder is not there. */
export function readPolicySuites(folder: string): readonly JudgedSuite[] {
  if (!existsSync(join(folder, 'policy'))) return []
  const judges: readonly (readonly [string, JudgeVector])[] = [
    ['policy/cedar-integration.json', judgeCedar],
    ['policy/authzen-todo.json', judgeTodo],
    ['policy/opa-article-policy.json', judgePrinted],
  ]
  return judges.map(([file, judge]) => ({ file, judge, suite: JSON.parse(readFileSync(join(folder, file), 'utf8')) }))
}

function verdict(found: unknown, expected: unknown): Verdict {
  return isDeepStrictEqual(found, expected)
    ? 'pass'
    : { fail: `${JSON.stringify(found)}, not ${JSON.stringify(expected)}` }
}

const judgeCedar: JudgeVector = ({ input, expected }, suite) => {
  const { fixtures } = suite as Suite & { readonly fixtures: Readonly<Record<string, never>> }
  const module = loadCedar()
  const read = readPolicies(module, { policies: fixtures[input.policies] ?? '', schema: fixtures[input.schema] ?? '' })
  const { decision, diagnostics } = evaluate(module, read, {
    ...input.request,
    entities: fixtures[input.entities] ?? [],
  })
  const { reason, errors } = diagnostics
  return verdict({ decision, reason: [...reason].sort(), errors }, { ...expected, reason: [...expected.reason].sort() })
}

const judgeTodo: JudgeVector = async ({ input, expected }, suite) => {
  const path = `/access/v1/${'evaluations' in input.request ? 'evaluations' : 'evaluation'}`
  return verdict(await askTodoPoint(suite as Suite & TodoPeople, path, input.request), expected)
}

/** By the module that was written by hand after the printed Rego: see test/wasm/printed-policy.c. */
const judgePrinted: JudgeVector = ({ input, expected }) => {
  const engine = opaWasm({ bundle: tarGz(bundleFiles()), verification: 'unsigned' })
  const { allow } = Object(engine.decide(input.input, { signal: new AbortController().signal }))
  return verdict({ allow }, expected)
}
