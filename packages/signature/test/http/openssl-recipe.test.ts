import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { type AgentKey, importPublicKey } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import {
  aRequest,
  createTempFolder,
  createTestEnvironment,
  keySourceOf,
  requireProgram,
  type StartedServer,
  startServer,
  type TempFolder,
} from '@countermark/testing'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { createSimpleJudge } from '../judge-simple.ts'

const PAGE = join(__dirname, '../../../../docs/protocol/simple-headers.md')
const TIME_LIMIT = 60_000
const run = promisify(execFile)

const bash = requireProgram('bash')
const isComplete = [bash, requireProgram('openssl'), requireProgram('curl')].every((path) => path !== undefined)

if (bash !== undefined && isComplete) {
  describe('the openssl and curl recipe of docs/protocol/simple-headers.md', () => {
    const [makeKey = '', sendRequest = ''] = blocksOf(readFileSync(PAGE, 'utf8'))
    let folder: TempFolder
    let server: StartedServer

    beforeEach(async () => {
      folder = await createTempFolder()
      await run(bash, ['-c', makeKey], { cwd: folder.path })
      server = await startServer(async (message, response) => {
        response.end(await judge(message, readFileSync(join(folder.path, 'agent.pub.pem'), 'utf8'), server))
      })
    })

    afterEach(async () => {
      await server.close()
      await folder.remove()
    })

    const send = async (environment: Readonly<Record<string, string>> = {}, script = sendRequest): Promise<string> => {
      const env = { ...process.env, ORIGIN: server.origin, TOKEN: '', ...environment }
      const { stdout } = await run(bash, ['-c', script], { cwd: folder.path, env })
      return stdout
    }

    it(
      'makes a key and signs a request that is accepted',
      async () => {
        expect(await send()).toBe('accepted')
      },
      TIME_LIMIT,
    )

    it(
      'signs the token too',
      async () => {
        expect(await send({ TOKEN: 'Bearer eyJ.eyJ.sig' })).toBe('accepted')
      },
      TIME_LIMIT,
    )

    it(
      'is refused when it sends another body than it signed',
      async () => {
        const tampered = sendRequest.replace('--data-binary "$body"', `--data-binary '{"item":"piano"}'`)
        expect(tampered).not.toBe(sendRequest)
        expect(await send({}, tampered)).toBe('signature_invalid')
      },
      TIME_LIMIT,
    )
  })
} else {
  it('needs bash, openssl and curl', () => expect(process.env['CI']).toBeUndefined())
}

async function judge(message: IncomingMessage, publicPem: string, { port }: StartedServer): Promise<string> {
  const { method = '', url: target = '', rawHeaders } = message
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, pair) => rawHeaders.slice(2 * pair, 2 * pair + 2))
  const headers = pairs.map(([name = '', value = '']) => [name, value] as const)
  const body = await buffer(message)
  const environment = createTestEnvironment({ clock: systemClock })
  const { codeOf } = createSimpleJudge(simpleHeaders({ version: 1 }), keySourceOf(keyOf(publicPem)), environment)
  return codeOf(aRequest({ method, target, authority: `127.0.0.1:${port}`, headers, body }))
}

function keyOf(publicPem: string): AgentKey {
  return {
    ...importPublicKey(publicPem),
    agent: { id: 'agt_7f2k9x', state: 'active' },
    keyId: 'k1',
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}

function blocksOf(page: string): readonly string[] {
  return [...page.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
}
