import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { promisify } from 'node:util'
import { createTempFolder, findFreePort, requireProgram, startProgram } from './programs.ts'

/** A PostgreSQL server that belongs to a test. */
interface StartedPostgres {
  readonly port: number
  /** Of its one database, which takes no password. */
  readonly url: string
  /** Ends its connections and itself; data stays. */
  readonly pause: () => Promise<void>
  readonly resume: () => Promise<void>
  readonly stop: () => Promise<void>
}

const DEBIAN_FOLDER = '/usr/lib/postgresql'
const run = promisify(execFile)

/** The folder of PostgreSQL's programs; says so and is `undefined` where there is none, and fails in CI. */
export function requirePostgres(): string | undefined {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : []
  const folders = versions.map((version) => `${DEBIAN_FOLDER}/${version}/bin`)
  const found = folders.find((folder) => existsSync(`${folder}/initdb`))
  // Debian keeps them out of PATH.
  return found ?? requireProgram('initdb')?.replace(/\/initdb$/, '')
}

/** Starts a server in a temporary folder. `programs` is what {@link requirePostgres} found. */
export async function startPostgres(programs: string): Promise<StartedPostgres> {
  const folder = await createTempFolder()
  const port = await findFreePort()
  const become = await commandAsPostgres(folder.path)
  const data = `${folder.path}/data`
  const [init = '', ...rest] = [...become, `${programs}/initdb`]
  await run(init, [...rest, '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync'])
  const [command = '', ...before] = [...become, `${programs}/postgres`]
  const fixed = ['-D', data, '-p', String(port), '-k', folder.path, '-c', 'listen_addresses=127.0.0.1']
  const launch = () =>
    startProgram({
      command,
      arguments: [...before, ...fixed, '-c', 'fsync=off'],
      folder: folder.path,
      ready: /ready to accept connections/,
    })
  let server = await launch()
  const pause = async (): Promise<void> => {
    // SIGTERM would wait for clients to leave.
    server.signal('SIGINT')
    await server.exited
  }
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pause,
    resume: async () => {
      server = await launch()
    },
    stop: async () => {
      await pause()
      await folder.remove()
    },
  }
}

/** PostgreSQL refuses to be root, so root becomes its user. */
async function commandAsPostgres(folder: string): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return []
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  )
  await chown(folder, uid ?? Number.NaN, gid ?? Number.NaN)
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
}
