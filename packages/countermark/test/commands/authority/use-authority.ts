import { auditTrail, fileSink } from '@countermark/audit'
import { type Authority, type AuthorityOptions, createAuthority } from '@countermark/authority'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { createTempFolder, type StartedServer, startServer, type TempFolder } from '@countermark/testing'
import type { CommandFolder, Ended } from '../run-in-folder.ts'

/** An authority for commands, whose administrators have their keys in the folder of the commands. */
export interface UsedAuthority {
  readonly origin: string
  readonly authority: Authority
  /** As `agt_ops`, unless the arguments say who. */
  readonly run: (...args: readonly string[]) => Promise<Ended>
  /** The same, and the answer for machines. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly read: (...args: readonly string[]) => Promise<any>
}

/** The token of doors. */
export const DOOR_TOKEN = 'a-token-of-doors'
/** The service that tokens are issued for. */
export const SERVICE = 'https://api.example.com'

/** A new one for each test, with the tenant `acme` and the person `jane`. */
export function useAuthority(
  folder: CommandFolder,
  more: (folder: CommandFolder) => Partial<AuthorityOptions> = () => ({}),
): UsedAuthority {
  let place: TempFolder
  let server: StartedServer
  let authority: Authority
  let closeTrail: () => Promise<void>
  const run = (...args: readonly string[]): Promise<Ended> => {
    const agent = args.includes('--agent') ? [] : ['--agent', 'agt_ops']
    return folder.run([...args, ...agent, '--authority', server.origin])
  }
  const read: UsedAuthority['read'] = async (...args) => JSON.parse((await run(...args, '--json')).out)
  beforeEach(async () => {
    await folder.run(['keygen', 'agt_ops', '--agents', 'agents.json'])
    await folder.run(['keygen', 'agt_second', '--agents', 'agents.json', '--out', 'second.pem'])
    place = await createTempFolder()
    const trail = auditTrail({ sinks: [fileSink({ path: `${place.path}/audit.ndjson` })], worker: false })
    closeTrail = () => trail.close()
    let handle: Authority['handle'] = async () => undefined
    server = await startServer((req, res) => void handle(req, res))
    authority = createAuthority({
      ...{ origins: [server.origin], storage: `file:${place.path}/authority.db`, trail, sourceLimit: 'off' },
      encryptionKeys: { v1: Buffer.alloc(32, 7).toString('base64') },
      administrators: ['agent:agt_ops', 'agent:agt_second'],
      doorTokens: [DOOR_TOKEN],
      keys: fromFile(`${folder.path}/agents.json`),
      replayStore: memoryReplayStore({ startedAt: 0, allowSingleProcess: true }),
      tokens: { issuer: server.origin, services: [{ audience: SERVICE }] },
      ...more(folder),
    })
    handle = authority.handle
    await authority.ready()
    await run('tenant', 'add', 'acme', '--name', 'Acme')
    await run('person', 'add', 'jane', '--tenant', 'acme', '--name', 'Jane', '--scope', 'orders:*', 'refunds:create')
  })
  afterEach(async () => {
    await authority.close()
    await server.close()
    await closeTrail()
    await place.remove()
  })
  return {
    get origin() {
      return server.origin
    },
    get authority() {
      return authority
    },
    run,
    read,
  }
}

/** Registers an agent of jane's, and answers the code for its first key. */
export async function register({ read }: UsedAuthority, id: string, ...scopes: readonly string[]): Promise<string> {
  const what = ['--tenant', 'acme', '--name', id.slice(4).toUpperCase(), '--purpose', 'p', '--owner', 'jane']
  const given = scopes.length === 0 ? [] : ['--scope', ...scopes]
  const { code } = await read('agent', 'register', id, ...what, ...given)
  return code
}

/** The same with a key in `ID.pem`, which counts. */
export async function enrol(
  used: UsedAuthority,
  folder: CommandFolder,
  id: string,
  ...scopes: readonly string[]
): Promise<void> {
  const code = await register(used, id, ...scopes)
  await folder.run(['keygen', id, '--out', `${id}.pem`])
  await used.run('key', 'enrol', code, '--agent', id, '--key', `${id}.pem`)
}
