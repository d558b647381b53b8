import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a project of somebody else is built with. */
export type Framework = 'express' | 'koa'

type ModuleKind = 'esm' | 'commonjs'

interface GeneratedFile {
  readonly name: string
  /** Below `test/consumers`. */
  readonly template: string
  readonly kind?: ModuleKind
}

const FILES: readonly GeneratedFile[] = [
  { name: 'esm.mjs', template: 'requests.mjs.template', kind: 'esm' },
  { name: 'commonjs.cjs', template: 'requests.mjs.template', kind: 'commonjs' },
  { name: 'umbrella.mjs', template: 'umbrella.mjs.template', kind: 'esm' },
  { name: 'umbrella.cjs', template: 'umbrella.mjs.template', kind: 'commonjs' },
  { name: 'commonjs.test.js', template: 'jest.test.js.template' },
  ...['bundler.ts', 'esm.mts', 'commonjs.cts'].map((name) => ({ name, template: 'types.ts.template' })),
  ...['umbrella.ts', 'umbrella.mts', 'umbrella.cts'].map((name) => ({ name, template: 'umbrella-types.ts.template' })),
  { name: 'tsconfig.bundler.json', template: 'tsconfig.bundler.json' },
  { name: 'tsconfig.nodenext.json', template: 'tsconfig.nodenext.json' },
]

/** Writes the sources of a project into its folder: each template once for every module style it is used in. */
export function writeConsumerFiles(root: string, framework: Framework, folder: string): void {
  for (const { name, template, kind } of FILES) {
    const text = readFileSync(join(root, 'test/consumers', template), 'utf8')
    const parts = partsFor(text, [framework, ...(kind === undefined ? [] : [kind])]).replaceAll(
      '{framework}',
      framework,
    )
    writeFileSync(join(folder, name), kind === 'commonjs' ? toCommonJs(parts) : parts)
  }
}

/** The lines below `//: all` and below `//: ` with one of the words. */
function partsFor(text: string, words: readonly string[]): string {
  let isIncluded = true
  const lines = text.split('\n').filter((line) => {
    const word = /^\s*\/\/: (\w+)$/.exec(line)?.[1]
    if (word === undefined) return isIncluded
    isIncluded = word === 'all' || words.includes(word)
    return false
  })
  return lines.join('\n')
}

/** Imports become calls of `require`; the rest runs in a function that may wait. */
function toCommonJs(text: string): string {
  const lines = text.trimEnd().split('\n')
  const imports = lines.filter((line) => line.startsWith('import '))
  const rest = lines.filter((line) => !line.startsWith('import '))
  const required = imports.map((line) => line.replace(/^import (.+) from ('.+')$/, 'const $1 = require($2)'))
  return [...required, 'async function main() {', ...rest, '}', 'void main() // a rejection ends the process', ''].join(
    '\n',
  )
}
