import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A suite of shared vectors. */
export interface ConformanceSuite<Input, Expected, Setup = unknown> {
  readonly setup: Setup
  readonly cases: readonly { readonly name: string; readonly input: Input; readonly expected: Expected }[]
}

const FOLDER = join(__dirname, '../../../../shared/conformance')

/** Reads a suite in place. Without the shared folder: an empty suite, and a line that says so. */
export function readSuite<Input, Expected, Setup = unknown>(file: string): ConformanceSuite<Input, Expected, Setup> {
  const path = join(FOLDER, file)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  process.stderr.write(`notice: ${file} is not here, its vectors are passed over\n`)
  return { setup: undefined as Setup, cases: [] }
}
