import { canonicalJson, isAgentId, isKeyId } from '@countermark/core/internal'
import { z } from 'zod'
import { isCallerName, ROLES, type Role } from '../callers/caller.ts'
import { isCeilingScope } from '../registry/ceiling.ts'

const CONSTRAINTS_LENGTH = 8192
/** The year 2100: later times are milliseconds taken for something else. */
const LATEST_MS = 4_102_444_800_000

/** A public JWK as it is sent; `importPublicKey` decides whether it is a key. */
export type PublicJwkInput = Readonly<
  Partial<Record<'kty' | 'crv' | 'x' | 'y' | 'n' | 'e' | 'kid' | 'alg' | 'use', string | undefined>>
>

/** Names of tenants and templates. */
export const slug: z.ZodType<string> = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected 1 to 63 of a-z 0-9 -')
/** Ids of agents. */
export const agentId: z.ZodType<string> = z
  .string()
  .max(128)
  .refine(isAgentId, 'expected 1 to 128 of A-Z a-z 0-9 . _ : @ / -')
/** Ids of people. */
export const personId: z.ZodType<string> = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, 'expected 1 to 256 printable ASCII characters')
/** Ids of keys. */
export const keyId: z.ZodType<string> = z
  .string()
  .max(256)
  .refine(isKeyId, 'expected 1 to 256 printable ASCII characters')
/** One line of text for people. */
export const label: z.ZodType<string> = z
  .string()
  .trim()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}*$/u, 'expected no control characters')
/** Why something was done. */
export const reason: z.ZodType<{ readonly reason: string }> = z.strictObject({ reason: label })
/** Unix milliseconds. */
export const time: z.ZodType<number> = z.int().min(0).max(LATEST_MS)
/** What may be given at most. */
export const ceiling: z.ZodType<string[]> = z
  .array(z.string().max(256).refine(isCeilingScope, 'expected a scope without a duration, such as dns:*:write'))
  .max(256)
/** Limits on everything that an agent does. */
export const constraints: z.ZodType<Record<string, unknown>> = z
  .record(z.string().min(1).max(64), z.json())
  .refine((value) => canonicalLength(value) <= CONSTRAINTS_LENGTH, `expected at most ${CONSTRAINTS_LENGTH} characters`)
/** Who has a role. */
export const callerName: z.ZodType<string> = z.string().refine(isCallerName, 'expected agent:… or person:…')
/** What callers may do. */
export const role: z.ZodType<Role> = z.enum(ROLES)
/** A tenant, or all of them. */
export const roleTenant: z.ZodType<string> = z.union([slug, z.literal('*')])
/** A public key: a JWK without private members, a PEM block, or 32 bytes in base64. */
export const publicKey: z.ZodType<string | PublicJwkInput> = z.union([
  z.string().min(1).max(4096),
  z.strictObject({
    kty: z.enum(['OKP', 'EC', 'RSA']),
    ...{ crv: z.string().max(16).optional(), x: z.string().max(128).optional(), y: z.string().max(128).optional() },
    ...{ n: z.string().max(1024).optional(), e: z.string().max(16).optional(), kid: z.string().max(256).optional() },
    ...{ alg: z.string().max(32).optional(), use: z.literal('sig').optional() },
  }),
])

/** One page of a list. */
export const page: { readonly limit: z.ZodType<number>; readonly cursor: z.ZodType<string | undefined> } = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(512).optional(),
}

function canonicalLength(value: unknown): number {
  try {
    return canonicalJson(value).length
  } catch {
    return Number.POSITIVE_INFINITY // too deep to be written
  }
}

const agentState = z.enum(['staged', 'active', 'suspended', 'retired'])

/** An agent as it is shown. */
export const agentAnswer: z.ZodType<unknown> = z.object({
  id: z.string(),
  tenant: z.string(),
  ...{ name: z.string(), purpose: z.string(), type: z.string(), version: z.string() },
  state: agentState,
  reason: z.string().optional(),
  owners: z.array(z.string()),
  ceiling: z.array(z.string()),
  capabilities: z.array(z.string()),
  constraints: z.record(z.string(), z.unknown()),
  template: z.string().optional(),
  ...{ expiresAt: z.number().optional(), rotateBy: z.number().optional() },
  ...{ retirementAskedBy: z.string().optional(), replacedBy: z.string().optional() },
  ...{ createdAt: z.number(), changedAt: z.number(), revision: z.number() },
})

/** A key as it is shown. */
export const keyAnswer: z.ZodType<unknown> = z.object({
  ...{ id: z.string(), thumbprint: z.string(), kind: z.string(), algorithm: z.string(), version: z.string() },
  jwk: z.record(z.string(), z.unknown()),
  state: z.enum(['pending', 'active', 'retiring', 'retired', 'revoked']),
  age: z.enum(['fresh', 'warn', 'rotate', 'refuse']),
  ...{ notBefore: z.number(), notAfter: z.number().optional() },
  ...{ createdAt: z.number(), lastUsedAt: z.number().optional() },
})

/** A person as they are shown. */
export const personAnswer: z.ZodType<unknown> = z.object({
  ...{ tenant: z.string(), id: z.string(), name: z.string(), ceiling: z.array(z.string()) },
  state: z.enum(['active', 'left']),
})

/** A list, and where it goes on. */
export function listOf(item: z.ZodType): z.ZodType {
  return z.object({ items: z.array(item), next: z.string().optional() })
}
