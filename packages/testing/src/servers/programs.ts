import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A program and how to know that it is ready. */
interface ProgramOptions {
  readonly command: string
  readonly arguments?: readonly string[]
  readonly folder?: string
  readonly env?: Readonly<Record<string, string>>
  /** A pattern in its output, or a port of 127.0.0.1 that accepts connections. */
  readonly ready: RegExp | number
  /** @default 10000 */
  readonly timeoutMs?: number
}

/** A running program. */
export interface StartedProgram {
  /** The id of its process. */
  readonly pid: number
  /** Everything it has written so far. */
  readonly output: () => string
  /** Sends it a signal. */
  readonly signal: (name: NodeJS.Signals) => void
  /** Resolves with its exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** Asks it to end, and after two seconds makes it end. */
  readonly stop: () => Promise<void>
}

/**
 * Starts a program and waits until it is ready. It does not outlive this process.
 * @throws Error with the program's output when it ends early or is not ready in time
 */
export async function startProgram(options: ProgramOptions): Promise<StartedProgram> {
  const { command, folder, env, ready, timeoutMs = 10_000 } = options
  const child = spawn(command, options.arguments ?? [], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const program = watch(child)
  const timer = new AbortController()
  try {
    await Promise.race([
      ready instanceof RegExp ? outputMatches(child, program, ready) : portAccepts(ready, timer.signal),
      program.exited.then((code) => Promise.reject(new Error(`${command} ended with ${code}:\n${program.output()}`))),
      afterMs(timeoutMs, timer.signal).then(() =>
        Promise.reject(new Error(`${command} is not ready:\n${program.output()}`)),
      ),
    ])
  } catch (error) {
    await program.stop()
    throw error
  } finally {
    timer.abort()
  }
  return program
}

function watch(child: ChildProcess): StartedProgram {
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => void chunks.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => void chunks.push(chunk))
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', (error) => {
      chunks.push(Buffer.from(error.message))
      resolve(127)
    })
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 0))
  }).finally(() => process.removeListener('exit', killWithUs))
  return {
    pid: child.pid ?? -1,
    output: () => Buffer.concat(chunks).toString('utf8'),
    signal: (name) => void child.kill(name),
    exited,
    stop: () => stop(child, exited),
  }
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  // A stopped process (SIGSTOP) hears SIGTERM only after SIGCONT.
  child.kill('SIGTERM')
  child.kill('SIGCONT')
  await Promise.race([exited, afterMs(2000, timer.signal).then(() => child.kill('SIGKILL'))])
  timer.abort()
  await exited
}

function outputMatches(child: ChildProcess, program: StartedProgram, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (pattern.test(program.output())) resolve()
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
  })
}

async function portAccepts(port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await canConnect(port))) await afterMs(25, signal)
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Never settles once aborted: the race it takes part in is over. */
function afterMs(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const forget = (): void => clearTimeout(timer)
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', forget)
      resolve()
    }, ms)
    signal.addEventListener('abort', forget, { once: true })
  })
}

/** Path of a program; `undefined` when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * Path of a program that a test needs. When it is missing, a developer's machine is told so and gets `undefined`;
 * a build server (`CI` is set) fails, because there nothing may be passed over in silence.
 * @throws Error when the program is missing and `CI` is set
 */
export function requireProgram(name: string): string | undefined {
  const path = findProgram(name)
  if (path !== undefined) return path
  if (process.env['CI']) throw new Error(`${name} is not installed, and CI passes nothing over`)
  process.stderr.write(`passed over: ${name} is not installed\n`)
  return undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // whatever the reason, it cannot be run
  }
}

/** A port of 127.0.0.1 that is free at this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A folder to be removed with everything in it. */
export interface TempFolder {
  /** Where it is. */
  readonly path: string
  /** Removes it with everything in it. */
  readonly remove: () => Promise<void>
}

/** Creates an empty folder among the system's temporary files. */
export async function createTempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'countermark-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
