import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createTempFolder, findFreePort, requireProgram } from '@countermark/testing'
import { blockUnder, readPage, runShell } from './support/page-blocks.ts'

const page = readPage('authority.md')
const hasPrograms = ['openssl', 'bash'].every((name) => requireProgram(name) !== undefined)
const withPrograms = hasPrograms ? describe : describe.skip
const ROOT = resolve(__dirname, '..')
const COMMAND = `node --import ${ROOT}/node_modules/tsx/dist/loader.mjs --conditions=@countermark/source ${ROOT}/packages/countermark/src/cli.ts`
/** Takes the place of the installed command. */
const NPX = `npx() { shift; ${COMMAND} "$@"; }\n`

withPrograms('the page for operators', () => {
  it('leads from nothing to a token of a registered agent', async () => {
    const folder = await createTempFolder()
    const port = await findFreePort()
    const here = (block: string): string => NPX + block.replaceAll('127.0.0.1:8443', `127.0.0.1:${port}`)
    const start = blockUnder(page, 'Start', 'npx countermark authority').replace(
      'npm install countermark @countermark/authority',
      '',
    )
    const server = startShell(`export COUNTERMARK_LISTEN=127.0.0.1:${port}\n${here(start)}`, folder.path)
    try {
      await server.says(/^metrics /m)
      const steps = here(blockUnder(page, 'Start', 'as_ops'))
      const [before = '', after = ''] = steps.split(/^npx countermark keygen.*$/m)
      const code = /with the code (\S+),/.exec(await runShell(before, folder.path))?.[1] ?? 'none'
      const keygen = 'npx countermark keygen agt_7f2k9x'
      const rest = [before.split('\n').slice(0, 3).join('\n'), keygen, after.replace('CODE', code)].join('\n')
      expect(await runShell(rest, folder.path)).toContain('agt_7f2k9x is active')
      expect(await runShell('cat token.txt', folder.path)).toMatch(/^eyJ/)
    } finally {
      await server.end()
      await folder.remove()
    }
  }, 180_000)
})

interface Started {
  readonly says: (pattern: RegExp) => Promise<void>
  readonly end: () => Promise<void>
}

/** A group of processes of its own: what the shell has started ends with it. */
function startShell(script: string, folder: string): Started {
  const shell: ChildProcess = spawn('bash', ['-e', '-c', script], { cwd: folder, detached: true })
  const ended = new Promise<void>((resolve) => shell.once('close', () => resolve()))
  let said = ''
  const listeners = new Set<() => void>()
  for (const stream of [shell.stdout, shell.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      for (const listener of listeners) listener()
    })
  }
  return {
    says: async (pattern) => {
      const heard = new Promise<void>((resolve) => listeners.add(() => pattern.test(said) && resolve()))
      await Promise.race([heard, ended])
      if (!pattern.test(said)) throw new Error(`it ended: ${said}`)
    },
    end: () => {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGTERM')
      return ended
    },
  }
}
