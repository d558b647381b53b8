import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(__dirname, '../..')
const SHARED = join(ROOT, '../shared/conformance')
const START = 'node --import tsx --conditions=@countermark/source test/adapters/conformance-app.ts'

const SUITES = [
  ['attacks/http-signature.json', 'http-signature'],
  ['attacks/simple-headers.json', 'simple'],
  ['attacks/delegation-jwt.json', 'delegation'],
  ['attacks/dpop.json', 'dpop'],
  ['attacks/signed-and-delegated.json', 'both'],
] as const

const isHere = existsSync(join(SHARED, 'run-http.mjs'))
if (!isHere) process.stderr.write('notice: the shared attack suites are not here, they are passed over\n')

describe.each(['express', 'koa'] as const)('the attack suites against %s', (framework) => {
  it.each(SUITES)(
    '%s: every case ends as expected',
    async (file, profile) => {
      if (!isHere) return
      const { output, code } = await runSuite(['--suite', join(SHARED, file), '--profile', profile], framework)
      expect(output).toMatch(/: [1-9][0-9]* passed, 0 failed/)
      expect(code).toBe(0)
    },
    120_000,
  )
})

function runSuite(
  suite: readonly string[],
  framework: string,
): Promise<{ readonly output: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [join(SHARED, 'run-http.mjs'), ...suite, '--start', START], {
    cwd: ROOT,
    env: { ...process.env, FRAMEWORK: framework, NODE_ENV: 'test' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += String(chunk)
  })
  return new Promise((settle) => child.once('close', (code) => settle({ output, code })))
}
