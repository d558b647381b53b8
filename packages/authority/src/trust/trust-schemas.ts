import { z } from 'zod'
import { agentId, ceiling, label } from '../api/schemas.ts'

/** An issuer, exactly as in `iss`. */
export const issuerUrl: z.ZodType<string> = z
  .string()
  .max(512)
  .refine(isIssuer, 'expected an https URL without query, fragment and final slash')
const jwk = z.record(z.string().max(16), z.string().max(1024))
/** Where keys of an issuer are. */
export type IssuerKeysInput = 'discover' | { jwksUri: string } | { jwks: { keys: Record<string, string>[] } }
/** Where keys of an issuer are, as it is sent. */
export const issuerKeys: z.ZodType<IssuerKeysInput> = z.union([
  z.literal('discover'),
  z.strictObject({ jwksUri: z.string().max(1024) }),
  z.strictObject({ jwks: z.strictObject({ keys: z.array(jwk).min(1).max(10) }) }),
])
/** Services by their audience. */
export const services: z.ZodType<string[]> = z.array(z.string().min(1).max(512)).min(1).max(64)
/** Ids of agents. */
export const agentIds: z.ZodType<string[]> = z.array(agentId).min(1).max(256)
/** Which agents may exchange a user's token. */
export const mayAct: z.ZodType<'stated' | 'any-agent'> = z.enum(['stated', 'any-agent'])

/** An organisation in a trust list. */
export interface ListEntry {
  readonly issuer: string
  readonly name: string
  readonly keys?: IssuerKeysInput | undefined
  /** Most that its word brings. */
  readonly ceiling: readonly string[]
  /** Services that it brings tokens for. Left out: every one. */
  readonly resources?: readonly string[] | undefined
  /** Agents that may act on its word. Left out: each of them. */
  readonly agents?: readonly string[] | undefined
  /** Where it takes security events (RFC 8935). */
  readonly securityEvents?: string | undefined
}

/** Entries of a list: as they are published, and as they are taken. */
export const LIST_ENTRIES: z.ZodType<ListEntry[]> = z
  .array(
    z.strictObject({
      ...{ issuer: issuerUrl, name: label, keys: issuerKeys.optional(), ceiling },
      ...{ resources: services.optional(), agents: agentIds.optional() },
      securityEvents: issuerUrl.optional(),
    }),
  )
  .max(200)

function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || text.endsWith('/') || /[#?\s]/.test(text)) return false
  const { protocol, hostname, username } = new URL(text)
  const isLocal = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
  return username === '' && (protocol === 'https:' || isLocal)
}
