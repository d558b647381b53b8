import { Misconfigured } from '@countermark/core'
import { postgresStore } from './postgres-store.ts'
import { sqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'

/**
 * The store that an address names: `file:./authority.db` or `postgres://user@host/database`.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function openStore(address: unknown): Store {
  if (isStore(address)) return address
  const fix = "write 'file:./authority.db' or 'postgres://user@host/database'"
  if (address === undefined) throw new Misconfigured('ERR_OPTION_MISSING', `createAuthority needs storage; ${fix}`)
  if (typeof address === 'string') {
    const path = /^file:(?:\/\/(?=\/))?([^/?#].*|\/.+)$/.exec(address)?.[1]
    if (path !== undefined) return sqliteStore({ path })
    if (/^postgres(?:ql)?:\/\/./.test(address)) return postgresStore({ url: address })
  }
  throw new Misconfigured('ERR_OPTION_INVALID', `storage cannot be opened; ${fix}`)
}

function isStore(value: unknown): value is Store {
  return typeof value === 'object' && value !== null && 'tables' in value && 'engine' in value && 'close' in value
}
