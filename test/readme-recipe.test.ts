import { exec, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempFolder, requireProgram, startServer } from '@countermark/testing'
import { createServer } from '../examples/express-quickstart/server.ts'

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8')
const hasPrograms = ['openssl', 'curl', 'bash'].every((name) => requireProgram(name) !== undefined)
const withPrograms = hasPrograms ? describe : describe.skip

/** The shell block under a heading, as a reader would copy it. */
function blockUnder(heading: string): string {
  const section = readme.slice(readme.indexOf(`## ${heading}`))
  return /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? ''
}

withPrograms('the shell recipes of the README', () => {
  it('make a key and a request that the quickstart accepts, once', async () => {
    const folder = await createTempFolder()
    const run = (script: string): string =>
      execFileSync('bash', ['-ec', script], { cwd: folder.path, stdio: ['ignore', 'pipe', 'ignore'] }).toString()
    const publicKey = run(blockUnder('A key, with one command'))
    let origin = ''
    const server = await startServer(createServer({ origin: () => origin, agentKeys: { agt_7f2k9x: publicKey } }))
    origin = server.origin
    const script = blockUnder('An agent in the shell')
      .replace('HOST=api.example.com', `HOST=127.0.0.1:${server.port}`)
      .replace('curl "https://', 'curl -s -o answer -w "%{http_code}\\n" "http://')
    const sendAgain = script.slice(script.indexOf('curl'))
    const statuses = await new Promise<string>((resolve) => {
      // Not execFileSync: the server answers in this process.
      exec(`${script}\n${sendAgain}`, { cwd: folder.path, shell: '/bin/bash' }, (_error, stdout) => resolve(stdout))
    })
    expect(statuses.trim().split('\n')).toEqual(['201', '401'])
    await server.close()
    await folder.remove()
  })
})
