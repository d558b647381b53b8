import { exec } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { createTempFolder, findFreePort, requireProgram } from '@countermark/testing'
import ts from 'typescript'

const page = readFileSync(join(__dirname, '..', 'docs', 'first-steps.md'), 'utf8')
const hasPrograms = ['openssl', 'curl', 'bash'].every((name) => requireProgram(name) !== undefined)
const withPrograms = hasPrograms ? describe : describe.skip
const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor

/** A block under a heading, as a reader would copy it. */
function blockUnder(heading: string, about: string | RegExp = ''): string {
  const section = page.slice(page.indexOf(`## ${heading}`)).split('\n## ')[0] ?? ''
  const blocks = [...section.matchAll(/```(?:sh|ts)\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  return blocks.find((block) => block.search(about) >= 0) ?? ''
}

/** Runs TypeScript of the page in this process. What it would wait for, print or open becomes visible to the test. */
async function runBlock(block: string, scope: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023, esModuleInterop: true }
  const { outputText } = ts.transpileModule(block, { compilerOptions })
  const names = ['require', 'exports', ...Object.keys(scope)]
  return new AsyncFunction(...names, outputText)(require, {}, ...Object.values(scope))
}

/** Not execFileSync: the server answers in this process. */
function runShell(script: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    exec(script, { cwd, shell: '/bin/bash' }, (error, stdout) => (error ? reject(error) : resolve(stdout)))
  })
}

withPrograms('the way through the first steps', () => {
  it('leads to an Express application that takes a request of fetch, and one of curl, once', async () => {
    const folder = await createTempFolder()
    const port = await findFreePort()
    const here = (block: string): string =>
      block.replaceAll('localhost:3000', `localhost:${port}`).replace(/'(agent-key[.a-z]+)'/, `'${folder.path}/$1'`)
    await runShell(blockUnder('A key, with one command'), folder.path)
    const application = here(blockUnder('Ten lines', "@countermark/express'")).replace(
      'app.listen(3000)',
      'return app.listen(PORT)',
    )
    const server = (await runBlock(application, { PORT: port })) as Server
    const lines: unknown[][] = []
    await runBlock(here(blockUnder('Ten lines', 'createAgentFetch')), {
      console: { log: (...line: unknown[]) => lines.push(line) },
    })
    const answer = '{"order":{"item":"kettle"},"placedBy":"agt_7f2k9x"}'
    expect(lines).toEqual([[201, answer]])
    const script = here(blockUnder('An agent in the shell')).replace('curl ', 'curl -s -w "\\n%{http_code}\\n" ')
    const printed = await runShell(`${script}\n${script.slice(script.indexOf('curl -s'))}`, folder.path)
    expect(printed).toMatch(new RegExp(`^${answer}\\n201\\n\\{.*"code":"replay_detected".*\\}\\n401\\n$`))
    await new Promise((resolve) => server.close(resolve))
    await folder.remove()
  })
})
