import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { systemClock } from '@countermark/core/internal'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { runCountermark } from '../../src/commands/program.ts'
import type { Terminal } from '../../src/commands/terminal.ts'

/** What a command came to. */
export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command that goes on until it is told to end. */
export interface Running {
  /** What it says on standard output, as soon as that matches. */
  readonly says: (pattern: RegExp) => Promise<string>
  /** Tells it to end, as Ctrl-C does, and waits. */
  readonly end: () => Promise<Ended>
}

/** Variables of the environment of a command; it has no others. */
export type Variables = Readonly<Record<string, string>>

/** A folder of its own, in which commands run as they do without a terminal. */
export interface CommandFolder {
  readonly path: string
  readonly run: (args: readonly string[], input?: string, variables?: Variables) => Promise<Ended>
  readonly start: (args: readonly string[], variables?: Variables) => Running
  readonly read: (file: string) => string
  readonly write: (file: string, content: string | Buffer) => void
}

/** A new folder for each test; one in which packages are found lies inside this one. */
export function useCommandFolder({ beside }: { readonly beside?: string } = {}): CommandFolder {
  let folder: TempFolder | undefined
  const pathOf = (file = ''): string => join(folder?.path ?? '', file)
  beforeEach(async () => {
    folder = beside === undefined ? await createTempFolder() : createFolderIn(beside)
  })
  afterEach(() => folder?.remove())
  return {
    get path() {
      return pathOf()
    },
    run: async (args, input = '', variables = {}) => {
      const { terminal, ended } = createTerminal(pathOf(), { input, variables })
      return ended(await runCountermark(args, terminal))
    },
    start: (args, variables = {}) => startIn(pathOf(), args, variables),
    read: (file) => readFileSync(pathOf(file), 'utf8'),
    write: (file, content) => writeFileSync(pathOf(file), content),
  }
}

interface TerminalInput {
  readonly input?: string
  readonly variables: Variables
  readonly ending?: AbortSignal
}

function createTerminal(folder: string, { input = '', variables, ending = NEVER }: TerminalInput) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const terminal: Terminal = {
    stdin: Readable.from([input]),
    ...{ stdout, stderr, isInteractive: false, hasColors: false, folder, variables },
    clock: systemClock,
    ending: () => ending,
  }
  const ended = async (code: number): Promise<Ended> => {
    stdout.end()
    stderr.end()
    return { code, out: await text(stdout), err: await text(stderr) }
  }
  return { terminal, ended }
}

const NEVER = new AbortController().signal

function startIn(folder: string, args: readonly string[], variables: Variables): Running {
  const ending = new AbortController()
  const { terminal } = createTerminal(folder, { variables, ending: ending.signal })
  const said = { out: '', err: '' }
  const listeners = new Set<() => void>()
  const hear = (name: 'out' | 'err') => (chunk: Buffer) => {
    said[name] += chunk.toString()
    for (const listener of listeners) listener()
  }
  ;(terminal.stdout as PassThrough).on('data', hear('out'))
  ;(terminal.stderr as PassThrough).on('data', hear('err'))
  const run = runCountermark(args, terminal).then((code) => ({ code, ...said }))
  return {
    says: async (pattern) => {
      const heard = new Promise<void>((resolve) => {
        const look = (): void => {
          if (!pattern.test(said.out)) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
      })
      await Promise.race([heard, run])
      if (!pattern.test(said.out)) throw new Error(`it ended without saying ${pattern}: ${said.out}${said.err}`)
      return said.out
    },
    end: () => {
      ending.abort()
      return run
    },
  }
}

function createFolderIn(parent: string): TempFolder {
  const path = mkdtempSync(join(parent, '.run-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
