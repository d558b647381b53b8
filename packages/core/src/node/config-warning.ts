import type { Refusal } from '../refusal.ts'

const MOST_WARNINGS = 20

/**
 * Makes what tells the operator about `config_error`: a process warning, once per message, with the error underneath.
 * The caller only learns that the server is at fault.
 */
export function createConfigWarning(): (refusal: Refusal | undefined) => void {
  const told = new Set<string>()
  return (refusal) => {
    if (refusal?.code !== 'config_error') return
    const cause = refusal.cause instanceof Error ? refusal.cause : undefined
    const key = `${refusal.message}: ${cause?.message}`
    if (told.has(key) || told.size >= MOST_WARNINGS) return
    told.add(key)
    const message = cause === undefined ? refusal.message : `${refusal.message}: ${cause.stack}`
    process.emitWarning(message, { type: 'CountermarkWarning', code: 'config_error' })
  }
}
