import type { Clock, KeySource } from '@countermark/core'
import type { Call } from '../http/call.ts'
import { createUseFilter, noteKeyUses } from '../registry/key-uses.ts'
import type { RegistryTables } from '../registry/registry-tables.ts'
import type { StoredTables } from '../storage/store.ts'
import type { Authentication } from './authenticate.ts'
import { createCallLimit } from './call-limit.ts'
import type { Caller } from './caller.ts'

/** Limits how often a caller calls, and notes when its key was used. */
export function watchCallers(
  findCaller: Authentication['findCaller'],
  stored: StoredTables<RegistryTables>,
  { clock, callsPerSecond }: { readonly clock: Clock; readonly callsPerSecond: number },
): (call: Call) => Promise<Caller> {
  const takeCall = createCallLimit(callsPerSecond, clock)
  const isNews = createUseFilter()
  return async (call) => {
    const caller = await findCaller(call)
    takeCall(caller.name)
    const { thumbprint } = caller
    const usedAt = clock.wallMs()
    if (thumbprint !== undefined && isNews(thumbprint, usedAt))
      await noteKeyUses(stored, [{ thumbprint, usedAt }], usedAt)
    return caller
  }
}

/** Registered agents first: a configured key must not speak for one of them. */
export function callersKeys(own: KeySource, configured: KeySource | undefined): KeySource {
  if (configured === undefined) return own
  return {
    name: own.name,
    findKeys: async (query, environment, caller) => {
      const found = await own.findKeys(query, environment, caller)
      if (found.length > 0) return found
      const others = await configured.findKeys(query, environment, caller)
      const names = new Set(others.map(({ agent }) => agent.id))
      for (const agentId of names) {
        if ((await own.findAgent?.({ agentId }, environment, caller)) !== undefined) names.delete(agentId)
      }
      return others.filter(({ agent }) => names.has(agent.id))
    },
  }
}
