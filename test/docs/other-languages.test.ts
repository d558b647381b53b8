import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createTempFolder,
  requireProgram,
  type StartedServer,
  startServer,
  type TempFolder,
} from '@countermark/testing'
import { countermark, fromFile, memoryReplayStore } from 'countermark/express'
import express from 'express'
import { blockUnder, readPage, runShell } from '../support/page-blocks.ts'

const page = readPage('agents-in-other-languages.md')
const python = findPython()
const hasShell = ['openssl', 'curl', 'bash'].every((name) => requireProgram(name) !== undefined)

let folder: TempFolder
let server: StartedServer

beforeEach(async () => {
  folder = await createTempFolder()
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const file = (name: string): string => join(folder.path, name)
  await writeFile(file('agent-key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const keys = [{ jwk: publicKey.export({ format: 'jwk' }) }]
  await writeFile(file('agents.json'), JSON.stringify({ agents: [{ id: 'agt_first', keys }] }))
  const app = express()
  server = await startServer(app)
  app.use(countermark({ origins: [server.origin], keys: fromFile(file('agents.json')), replay: memoryReplayStore() }))
  app.use(express.json())
  app.get('/orders', (req, res) => void res.json({ limit: req.query['limit'], for: req.agent?.id }))
  app.post('/orders', (req, res) => void res.status(201).json({ order: req.body, for: req.agent?.id }))
})
afterEach(async () => {
  await server.close()
  await folder.remove()
})

/** A program of the page, told where the server of the test is. */
function here(heading: string, about: string): string {
  return blockUnder(page, heading, about).replaceAll('localhost:3000', `127.0.0.1:${server.port}`)
}

;(python === undefined ? describe.skip : describe)('the agent in Python', () => {
  const run = async (program: string): Promise<string> => {
    await writeFile(join(folder.path, 'agent.py'), program)
    return runShell(`${python} agent.py 2>&1 || true`, folder.path)
  }

  it('is let in, with a query and with content', async () => {
    expect(await run(here('Python', 'class Agent'))).toBe(
      '200 {"limit":"2","for":"agt_first"}\n201 {"order":{"item":"kettle"},"for":"agt_first"}\n',
    )
  })

  it('gets the refusal as an answer, such as that of a request with another content', async () => {
    const program = here('Python', 'class Agent').replace(
      'self.origin + target, body,',
      'self.origin + target, body and b"{}",',
    )
    expect(await run(program)).toMatch(/^200 .*\n400 \{.*"code":"digest_mismatch"/)
  })

  it('does not take a signature to another place', async () => {
    const moved = await startServer(
      (_req, res) => void res.writeHead(302, { Location: `${server.origin}/orders` }).end(),
    )
    const program = here('Python', 'class Agent').replaceAll(`127.0.0.1:${server.port}`, `127.0.0.1:${moved.port}`)
    expect(await run(program)).toBe('302 \n302 \n')
    await moved.close()
  })
})

;(hasShell ? describe : describe.skip)('the agent in the shell', () => {
  it('is let in once for each signature', async () => {
    const script = here('Shell', 'curl')
    const curl = script.slice(script.indexOf('curl -s'))
    const printed = await runShell(`${script}\n${curl}`, folder.path)
    expect(printed).toMatch(/^\{"order":\{"item":"kettle"\},"for":"agt_first"\}\{.*"code":"replay_detected"/)
  })
})

/** A Python that has the library `cryptography`: the one on the path, or that of Debian. */
function findPython(): string | undefined {
  const found = ['python3', '/usr/bin/python3'].find((command) => {
    try {
      execFileSync(command, ['-c', 'import cryptography'], { stdio: 'ignore' })
      return true
    } catch {
      return false // not installed, or without the library
    }
  })
  if (found === undefined && process.env['CI']) throw new Error('python3 with cryptography is not installed')
  if (found === undefined) process.stderr.write('passed over: python3 with cryptography is not installed\n')
  return found
}
