import { openStore } from '@countermark/authority'
import { createTempFolder, createTestAgent, findProgram, startRedis, type TestAgent } from '@countermark/testing'
import { type CuttableLink, openCuttableLink } from '../../packages/authority/test/stop/cuttable-link.ts'
import { seedRegistry } from '../measure-authority/seed-registry.ts'
import { type StartedAuthority, startAuthority } from '../measure-authority/start-authority.ts'
import { type StartedDoor, startDoor } from './start-door.ts'

/** What is measured on: an authority, guarded processes behind a link that can be cut, agents that are registered. */
export interface Stage {
  readonly authority: StartedAuthority
  readonly link: CuttableLink
  readonly doors: readonly StartedDoor[]
  readonly admin: TestAgent
  /** Each is stopped once. */
  readonly agents: readonly TestAgent[]
  /** Those that call all the while. */
  readonly others: readonly TestAgent[]
  readonly close: () => Promise<void>
}

/** How it is set up. */
export interface StageOptions {
  readonly push: 'stream' | 'redis'
  readonly doors: number
  readonly agents: number
  readonly staleAfterSeconds?: number
}

const TOKEN = 'the-token-of-the-doors-that-are-measured'
const OTHERS = 8

/** Sets it up. */
export async function openStage({ push, doors, agents: count, staleAfterSeconds = 30 }: StageOptions): Promise<Stage> {
  const folder = await createTempFolder()
  const storage = `file:${folder.path}/authority.db`
  const command = findProgram('redis-server')
  if (push === 'redis' && command === undefined) throw new Error('redis-server is not installed')
  const redis = push === 'redis' && command !== undefined ? await startRedis({ command }) : undefined
  const admin = await createTestAgent({ agentId: 'agt_admin' })
  const name = (index: number): string => `agt_${index}`
  const all = await Promise.all(
    Array.from({ length: count + OTHERS }, (_, index) => createTestAgent({ agentId: name(index) })),
  )
  const input = { storage, folder: folder.path, doorToken: TOKEN, adminJwk: { ...admin.publicJwk } }
  const authority = await startAuthority({ ...input, redisUrl: redis?.url })
  const store = openStore(storage)
  await seedRegistry(
    store,
    all.map(({ agentId: id, publicJwk, thumbprint }) => ({ id, jwk: { ...publicJwk, kty: 'OKP' }, thumbprint })),
  )
  await store.close()
  const link = await openCuttableLink(authority.port)
  const common = { authorityPort: link.port, token: TOKEN, redisUrl: redis?.url, staleAfterSeconds }
  const started = await Promise.all(
    Array.from({ length: doors }, (_, index) => startDoor({ ...common, door: `door-${index + 1}` })),
  )
  return {
    ...{ authority, link, doors: started, admin, agents: all.slice(0, count), others: all.slice(count) },
    close: async () => {
      await Promise.all(started.map((door) => door.stop()))
      await link.close()
      await authority.stop()
      await redis?.stop()
      await folder.remove()
    },
  }
}
