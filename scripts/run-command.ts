import { spawn } from 'node:child_process'

/** What a command did. */
export interface CommandResult {
  readonly ok: boolean
  /** Standard output and standard error, as they came. */
  readonly output: string
  /** Standard output alone. */
  readonly stdout: string
  readonly seconds: number
}

/** Runs a command to its end and keeps what it writes. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly folder: string; readonly inherit?: boolean },
): Promise<CommandResult> {
  const startedMs = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.folder,
      stdio: ['ignore', options.inherit ? 'inherit' : 'pipe', options.inherit ? 'inherit' : 'pipe'],
    })
    let output = ''
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const finish = (ok: boolean): void =>
      resolve({ ok, output, stdout, seconds: (performance.now() - startedMs) / 1000 })
    child.once('error', (error) => {
      output += error.message
      finish(false)
    })
    child.once('close', (code) => finish(code === 0))
  })
}
