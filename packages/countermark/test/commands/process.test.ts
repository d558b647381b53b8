import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { requireProgram } from '@countermark/testing'

const ROOT = resolve(__dirname, '../../../..')
const COMMAND = ['--import', 'tsx', '--conditions=@countermark/source', 'packages/countermark/src/cli.ts']
const script = requireProgram('script')
const inTerminal = script === undefined ? it.skip : it
const ESCAPE = '\u001b['

interface Failed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[]): Promise<Failed> {
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env
  const variables = { ...inherited, TERM: 'xterm' }
  return promisify(execFile)(command, [...args], { cwd: ROOT, env: variables }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Failed) => error,
  )
}

describe('the command line as a process', () => {
  it('ends with its exit code and writes no colours where there is no terminal', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [
      ...COMMAND,
      'curl',
      'http://127.0.0.1:9',
      '--key',
      'missing.pem',
    ])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(
      'countermark: missing.pem cannot be read\n  make a key: countermark keygen agt_7f2k9x; or name it: --key FILE\n',
    )
  })

  inTerminal('writes colours in a terminal', async () => {
    const line = [process.execPath, ...COMMAND, 'explain', 'replay_detected'].join(' ')
    const { code, stdout } = await run(script ?? '', ['-qec', line, '/dev/null'])
    expect(code).toBe(0)
    expect(stdout).toContain(`${ESCAPE}1mreplay_detected`)
  })
})
