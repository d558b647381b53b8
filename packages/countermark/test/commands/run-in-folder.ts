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

/** A folder of its own, in which commands run as they do without a terminal. */
export interface CommandFolder {
  readonly path: string
  readonly run: (args: readonly string[], input?: string) => Promise<Ended>
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
    run: (args, input = '') => runIn(pathOf(), args, input),
    read: (file) => readFileSync(pathOf(file), 'utf8'),
    write: (file, content) => writeFileSync(pathOf(file), content),
  }
}

async function runIn(folder: string, args: readonly string[], input: string): Promise<Ended> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const terminal: Terminal = {
    stdin: Readable.from([input]),
    stdout,
    stderr,
    isInteractive: false,
    hasColors: false,
    folder,
    variables: {},
    clock: systemClock,
  }
  const code = await runCountermark(args, terminal)
  stdout.end()
  stderr.end()
  return { code, out: await text(stdout), err: await text(stderr) }
}

function createFolderIn(parent: string): TempFolder {
  const path = mkdtempSync(join(parent, '.run-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
