import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8')
const block = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
const { outputText } = ts.transpileModule(block, {
  compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023, esModuleInterop: true },
})

// The first block is a test; compiled as it stands, it adds itself here.
describe('the test that the README shows', () => {
  new Function('require', 'exports', 'it', 'expect', outputText)(require, {}, it, expect)
})
