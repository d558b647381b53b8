/** What callers may do, by name. */
export const ROLES = ['admin', 'operator', 'auditor'] as const

/**
 * `admin` decides about people, roles, templates and tenants; `operator` runs agents and keys; `auditor` reads. An owner needs no
 * role for the agents that are theirs.
 */
export type Role = (typeof ROLES)[number]

/** In every tenant. */
export const EVERY_TENANT = '*'

/** Who calls, proven. */
export interface Caller {
  /** `agent:agt_ops` or `person:jane@example.com`: as roles name it. */
  readonly name: string
  readonly kind: 'agent' | 'person' | 'door'
  /** The agent's or the person's id, or the name of the door. */
  readonly id: string
  /** Thumbprint of the key that signed; `undefined` for people. */
  readonly thumbprint: string | undefined
}

/** Whether a text names a caller as roles do. */
export function isCallerName(text: string): boolean {
  return /^(?:agent|person):[\x21-\x7e]{1,256}$/.test(text)
}
