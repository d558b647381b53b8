import { openStore } from '@countermark/authority'
import { createTempFolder, createTestAgent } from '@countermark/testing'
import { percentile } from './figures-page.ts'
import { fillTokens } from './fill-tokens.ts'
import { makeAgents, seedRegistry } from './seed-registry.ts'
import { countRows, sizeOf } from './size.ts'
import { startAuthority } from './start-authority.ts'
import { measureTokens, type TokensMeasured } from './tokens.ts'

/** What is measured on one engine. */
export interface EngineInput {
  readonly address: string
  readonly agents: number
  readonly seconds: number
}

/** What was measured. Milliseconds and bytes. */
export interface EngineMeasured {
  readonly engine: 'sqlite' | 'postgres'
  readonly rowsPerAgent: number
  readonly bytesPerAgent: number
  readonly emptyReadyMs: number
  readonly readyMs: number
  readonly tokens: TokensMeasured
  readonly listing: Timed & { readonly agents: number; readonly bytes: number }
  readonly agent: Timed
  readonly statusList: Timed & { readonly bytes: number }
}

interface Timed {
  readonly p50Ms: number
  readonly p99Ms: number
}

const TOKEN = 'the-token-of-the-doors-that-are-measured'
const CLIENTS = 16

/** Fills an authority, starts it anew, and asks it. */
export async function measureEngine({ address, agents, seconds }: EngineInput): Promise<EngineMeasured> {
  const folder = await createTempFolder()
  const admin = await createTestAgent({ agentId: 'agt_admin' })
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => createTestAgent({ agentId: `agt_client_${index}` })),
  )
  const input = { storage: address, folder: folder.path, doorToken: TOKEN, adminJwk: { ...admin.publicJwk } }
  const empty = await startAuthority(input)
  await empty.stop()
  const store = openStore(address)
  const before = await sizeOf(store, address)
  const known = clients.map(({ agentId: id, publicJwk, thumbprint }) => ({
    ...{ id, thumbprint },
    jwk: { ...publicJwk, kty: 'OKP' },
  }))
  const seeded = [...makeAgents(agents - CLIENTS), ...known]
  await seedRegistry(store, seeded)
  const [bytes, rows] = [(await sizeOf(store, address)) - before, await countRows(store)]
  const listId = await fillTokens(store, seeded)
  const { engine } = store
  await store.close()
  const authority = await startAuthority(input)
  try {
    const { port, readyMs } = authority
    const listing = await time(port, '/registry', 5)
    const agent = await time(port, (turn) => `/registry/${seeded[(turn * 7919) % seeded.length]?.id}`, 500)
    const statusList = await time(port, `/status/${listId}`, 10)
    const tokens = await measureTokens(port, clients, seconds)
    return {
      ...{ engine, rowsPerAgent: rows / agents, bytesPerAgent: bytes / agents, emptyReadyMs: empty.readyMs, readyMs },
      ...{ tokens, agent, statusList, listing: { ...listing, agents: Math.min(agents, 10_000) } },
    }
  } finally {
    await authority.stop()
    await folder.remove()
  }
}

async function time(
  port: number,
  path: string | ((turn: number) => string),
  times: number,
): Promise<Timed & { readonly bytes: number }> {
  const took: number[] = []
  let bytes = 0
  for (let turn = 0; turn < times; turn += 1) {
    const target = typeof path === 'string' ? path : path(turn)
    const host = `127.0.0.1:${port}`
    const begun = performance.now()
    const response = await fetch(`http://${host}${target}`, { headers: { authorization: `Bearer ${TOKEN}` } })
    bytes = (await response.arrayBuffer()).byteLength
    if (response.status !== 200) throw new Error(`${target} was answered ${response.status}`)
    took.push(performance.now() - begun)
  }
  return { bytes, p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99) }
}
