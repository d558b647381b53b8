import type { Server } from 'node:http'
import { createTempFolder, findFreePort, requireProgram } from '@countermark/testing'
import { blockUnder, readPage, runBlock, runShell } from './support/page-blocks.ts'

const page = readPage('first-steps.md')
const hasPrograms = ['openssl', 'curl', 'bash'].every((name) => requireProgram(name) !== undefined)
const withPrograms = hasPrograms ? describe : describe.skip
const blockOf = (heading: string, about = ''): string => blockUnder(page, heading, about)

withPrograms('the way through the first steps', () => {
  it('leads to an Express application that takes a request of fetch, and one of curl, once', async () => {
    const folder = await createTempFolder()
    const port = await findFreePort()
    const here = (block: string): string =>
      block.replaceAll('localhost:3000', `localhost:${port}`).replace(/'(agent-key[.a-z]+)'/, `'${folder.path}/$1'`)
    await runShell(blockOf('A key, with one command'), folder.path)
    const application = here(blockOf('Ten lines', "@countermark/express'")).replace(
      'app.listen(3000)',
      'return app.listen(PORT)',
    )
    const server = (await runBlock(application, { PORT: port })) as Server
    const lines: unknown[][] = []
    await runBlock(here(blockOf('Ten lines', 'createAgentFetch')), {
      console: { log: (...line: unknown[]) => lines.push(line) },
    })
    const answer = '{"order":{"item":"kettle"},"placedBy":"agt_7f2k9x"}'
    expect(lines).toEqual([[201, answer]])
    const script = here(blockOf('An agent in the shell')).replace('curl ', 'curl -s -w "\\n%{http_code}\\n" ')
    const printed = await runShell(`${script}\n${script.slice(script.indexOf('curl -s'))}`, folder.path)
    expect(printed).toMatch(new RegExp(`^${answer}\\n201\\n\\{.*"code":"replay_detected".*\\}\\n401\\n$`))
    await new Promise((resolve) => server.close(resolve))
    await folder.remove()
  })
})
