import { Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import { z } from 'zod'
import { agentId, label, personId, slug } from '../api/schemas.ts'
import { findAgentRow } from '../registry/agents.ts'
import type { AgentRow, KeyRow, RegistryReads, RegistryTables } from '../registry/registry-tables.ts'
import type { TokenTable, TokenTables } from '../tokens/issuing/token-tables.ts'
import type { RevocationTarget } from '../tokens/revocation/revoke-tokens.ts'
import type { UserNames } from '../tokens/subject-tokens/user-names.ts'
import type { Revoked } from './door-events.ts'

const name = z.string().min(1).max(256)

/** What can be stopped, by the name it has. */
export const STOP_TARGET: z.ZodType<StopTarget> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token'), token: name, issuer: name.optional() }),
  z.strictObject({ kind: z.literal('key'), key: name }),
  z.strictObject({ kind: z.literal('agent'), agent: agentId }),
  z.strictObject({ kind: z.literal('chain'), chain: name, issuer: name.optional() }),
  z.strictObject({ kind: z.literal('user'), subject: personId, issuer: name.optional(), in: slug.optional() }),
  z.strictObject({ kind: z.literal('tenant'), tenant: slug }),
])

/** One thing to stop, and why. */
export const NEW_STOP: z.ZodType<{ readonly target: StopTarget; readonly reason: string }> = z.strictObject({
  target: STOP_TARGET,
  reason: label,
})

/** What can be stopped. */
export type StopTarget =
  | { readonly kind: 'token'; readonly token: string; readonly issuer?: string | undefined }
  /** By its thumbprint. */
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'agent'; readonly agent: string }
  /** By the `txn` that its tokens share. */
  | { readonly kind: 'chain'; readonly chain: string; readonly issuer?: string | undefined }
  /** `in`: only what agents of one tenant do for them. */
  | {
      readonly kind: 'user'
      readonly subject: string
      readonly issuer?: string | undefined
      readonly in?: string | undefined
    }
  | { readonly kind: 'tenant'; readonly tenant: string }

/** What a stop cuts off. */
export interface StopPlan {
  /** Who must have a role there; `undefined`: in every tenant. */
  readonly tenant: string | undefined
  /** Whose owners may stop it, too. */
  readonly agent: AgentRow | undefined
  /** Agents that are suspended. */
  readonly agents: readonly AgentRow[]
  /** Agents that are suspended already: who may resume them is decided anew. */
  readonly suspended: readonly AgentRow[]
  /** A key that is revoked, with its agent. */
  readonly key: { readonly agent: AgentRow; readonly row: KeyRow } | undefined
  /** Tokens that end, with what was exchanged for them. */
  readonly tokens: readonly RevocationTarget[]
  /** What doors are told besides. */
  readonly events: readonly Revoked[]
}

/** Inside of a transaction or outside. */
type Reads = Pick<Transaction<RegistryTables & TokenTables>, 'selectFrom'>

const NOTHING = { agent: undefined, agents: [], suspended: [], key: undefined, tokens: [], events: [] }

/**
 * Finds out what a stop would cut off.
 * @param issuer of the tokens of this authority; `undefined`: it issues none
 * @throws Refusal `not_found`; `input_invalid` for a user of no issuer that is known
 */
export function planStop(
  reads: RegistryReads,
  target: StopTarget,
  { issuer, nowMs, userNames }: Omit<Moment, 'nowSeconds'> & { readonly nowMs: number },
): Promise<StopPlan> {
  const tables = reads as unknown as Reads
  const nowSeconds = Math.floor(nowMs / 1000)
  const plans = {
    token: () => planToken(tables, target as Target<'token'>, issuer),
    key: () => planKey(tables, target as Target<'key'>),
    agent: () => planAgent(tables, target as Target<'agent'>),
    chain: () => planChain(tables, target as Target<'chain'>, { issuer, nowSeconds, userNames }),
    user: () => planUser(target as Target<'user'>, { issuer, nowSeconds, userNames }),
    tenant: () => planTenant(tables, target as Target<'tenant'>),
  }
  return plans[target.kind]()
}

type Target<Kind> = Extract<StopTarget, { readonly kind: Kind }>

interface Moment {
  readonly issuer: string | undefined
  readonly nowSeconds: number
  /** What a user of an issuer is called in our tokens. */
  readonly userNames: UserNames
}

async function planToken(
  tables: Reads,
  { token, issuer }: Target<'token'>,
  own: string | undefined,
): Promise<StopPlan> {
  if (issuer !== undefined && issuer !== own) {
    const event = { type: 'token', issuer, tokenId: token } as const
    return { ...NOTHING, tenant: undefined, events: [event] }
  }
  const query = tables.selectFrom('tokens').selectAll().where('token_id', '=', token)
  const agent = await agentOfToken(tables, await query.executeTakeFirst())
  return { ...NOTHING, tenant: agent.tenant, agent, tokens: [{ tokenId: token }] }
}

async function planKey(tables: Reads, { key }: Target<'key'>): Promise<StopPlan> {
  const query = tables.selectFrom('agent_keys').selectAll().where('thumbprint', '=', key)
  const row = await query.executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'no key has this thumbprint')
  const agent = await findAgentRow(tables, row.agent)
  return {
    ...NOTHING,
    tenant: agent.tenant,
    agent,
    key: { agent, row },
    tokens: [{ thumbprint: key }, { clientThumbprint: key }],
  }
}

async function planAgent(tables: Reads, { agent: id }: Target<'agent'>): Promise<StopPlan> {
  const agent = await findAgentRow(tables, id)
  return { ...NOTHING, tenant: agent.tenant, agent, ...suspending([agent]), tokens: [{ agentId: id }] }
}

async function planChain(
  tables: Reads,
  { chain, issuer }: Target<'chain'>,
  { issuer: own, nowSeconds }: Moment,
): Promise<StopPlan> {
  if (issuer !== undefined && issuer !== own) {
    const event = { type: 'chain', issuer, transaction: chain, issuedBefore: nowSeconds } as const
    return { ...NOTHING, tenant: undefined, events: [event] }
  }
  const query = tables.selectFrom('tokens').selectAll().where('chain_id', '=', chain)
  const agent = await agentOfToken(tables, await query.orderBy('issued_at').executeTakeFirst())
  return { ...NOTHING, tenant: agent.tenant, agent, tokens: [{ chainId: chain }] }
}

async function planUser(
  { subject, issuer, in: tenant }: Target<'user'>,
  { issuer: own, nowSeconds, userNames }: Moment,
): Promise<StopPlan> {
  const names = await userNames.find(subject, issuer)
  if (tenant !== undefined) return { ...NOTHING, tenant, tokens: endUser(names, tenant) }
  const told = [
    ...(await userNames.findElsewhere(subject, issuer)),
    ...(own === undefined ? [] : names.map((name) => ({ issuer: own, subject: name }))),
  ]
  if (told.length === 0) throw unknownIssuer()
  const events = told.map((user) => ({ type: 'user', ...user, issuedBefore: nowSeconds }) as const)
  return { ...NOTHING, tenant: undefined, tokens: endUser(names), events }
}

/** A stop that would reach nothing is no stop. */
function unknownIssuer(): Refusal {
  const message = 'name the issuer of the user: the authority issues no tokens and knows no provider of users'
  return new Refusal('input_invalid', message, { members: { errors: [{ pointer: '/target/issuer', message }] } })
}

/** Everything that speaks for a user, and what would bring it again. */
export function endUser(names: readonly string[], inTenant?: string): readonly RevocationTarget[] {
  return names.map((subject) => (inTenant === undefined ? { subject } : { subject, inTenant }))
}

async function planTenant(tables: Reads, { tenant }: Target<'tenant'>): Promise<StopPlan> {
  const row = await tables.selectFrom('tenants').select('id').where('id', '=', tenant).executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'no tenant has this id')
  const all = await tables.selectFrom('agents').selectAll().where('tenant', '=', tenant).orderBy('id').execute()
  return { ...NOTHING, tenant, ...suspending(all), tokens: all.map(({ id: agentId }) => ({ agentId })) }
}

function suspending(agents: readonly AgentRow[]): Pick<StopPlan, 'agents' | 'suspended'> {
  return {
    agents: agents.filter(({ state }) => state === 'staged' || state === 'active'),
    suspended: agents.filter(({ state }) => state === 'suspended'),
  }
}

function agentOfToken(tables: RegistryReads, row: TokenTable | undefined) {
  if (row === undefined) throw new Refusal('not_found', 'no token was issued under this name')
  return findAgentRow(tables, row.agent_id)
}
