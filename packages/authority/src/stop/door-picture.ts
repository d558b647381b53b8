import type { RegistryReads } from '../registry/registry-tables.ts'
import type { Revoked } from './door-events.ts'

/** A piece of everything that is stopped until it is taken back. */
export interface PicturePage {
  readonly events: readonly Revoked[]
  /** Where the next piece begins; `undefined` behind the last one. */
  readonly next: string | undefined
}

/** The parts of a picture, in their order; a cursor is the name of a part, and the last name that was told of it. */
const PARTS = ['suspended', 'retired', 'revoked'] as const
type Part = (typeof PARTS)[number]

/** Reads `suspended:agt_7`; `undefined` for what is no cursor. */
export function parsePictureCursor(text: string): { readonly part: Part; readonly after: string } | undefined {
  const end = text.indexOf(':')
  const part = PARTS.find((each) => each === text.slice(0, end))
  return part === undefined ? undefined : { part, after: text.slice(end + 1) }
}

/**
 * Lists agents that are suspended or retired, and keys that are revoked: what holds though its lines are not kept any more. What
 * changes meanwhile is in the lines behind the edge, which a door reads after it.
 */
export async function readPicture(
  tables: RegistryReads,
  { part, after }: { readonly part: Part; readonly after: string },
  limit: number,
): Promise<PicturePage> {
  const names = await (part === 'revoked' ? revokedKeys(tables, after, limit) : agentsIn(tables, part, after, limit))
  const events = names.map(
    (name): Revoked => (part === 'revoked' ? { type: 'key', thumbprint: name } : { type: 'agent', agentId: name }),
  )
  const last = names.at(-1)
  if (last !== undefined && names.length === limit) return { events, next: `${part}:${last}` }
  const following = PARTS[PARTS.indexOf(part) + 1]
  return { events, next: following === undefined ? undefined : `${following}:` }
}

async function agentsIn(tables: RegistryReads, state: 'suspended' | 'retired', after: string, limit: number) {
  const query = tables.selectFrom('agents').select('id').where('state', '=', state).where('id', '>', after)
  return (await query.orderBy('id').limit(limit).execute()).map(({ id }) => id)
}

async function revokedKeys(tables: RegistryReads, after: string, limit: number) {
  const query = tables.selectFrom('agent_keys').select('thumbprint').where('state', '=', 'revoked')
  const some = query.where('thumbprint', '>', after).orderBy('thumbprint').limit(limit)
  return (await some.execute()).map(({ thumbprint }) => thumbprint)
}
