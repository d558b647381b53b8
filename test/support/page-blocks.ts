import { exec } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor

/** A page of the documentation, as text. */
export function readPage(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'docs', name), 'utf8')
}

/** A block under a heading, as a reader would copy it: the first one, or the first that has `about` in it. */
export function blockUnder(page: string, heading: string, about: string | RegExp = ''): string {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`) + 1).split('\n## ')[0] ?? ''
  const blocks = [...section.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks.find((block) => block.search(about) >= 0) ?? ''
}

/** Runs TypeScript of a page in this process; a test gives it what it needs, and may let it return something. */
export async function runBlock(block: string, scope: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const compilerOptions = {
    module: ts.ModuleKind.CommonJS,
    target: ts.ScriptTarget.ES2023,
    esModuleInterop: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  }
  const { outputText } = ts.transpileModule(block, { compilerOptions })
  const names = ['require', 'exports', ...Object.keys(scope)]
  return new AsyncFunction(...names, outputText)(require, {}, ...Object.values(scope))
}

/** Runs a script with bash. Not execFileSync: the server that it asks answers in this process. */
export function runShell(script: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    exec(script, { cwd, shell: '/bin/bash' }, (error, stdout) => (error ? reject(error) : resolve(stdout)))
  })
}
