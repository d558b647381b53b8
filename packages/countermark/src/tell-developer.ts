import { debuglog } from 'node:util'
import type { Decision, Refusal } from '@countermark/core'

/** Told of a refusal: the option `onRefusal` of guards. */
export type TellRefusal = (decision: Decision) => void

/** Callers choose paths: after so many different lines nothing more is said. */
const MOST_LINES = 200
const LONGEST_DIAGNOSIS = 200

const debug = debuglog('countermark')

/**
 * Says on standard error what is refused, once for each code and route. With `NODE_DEBUG=countermark` each refusal
 * is told.
 */
export function tellDeveloper(): TellRefusal {
  const told = new Set<string>()
  return ({ refusal, request, status, mode }) => {
    if (refusal === undefined) return
    const { method } = request
    const route = request.route().template ?? request.path
    const line =
      `${method} ${route} → ${status} ${refusal.code}${mode === 'observe' ? ' (observed)' : ''}: ${reasonOf(refusal)}`.replace(
        /\p{Cc}/gu,
        '\uFFFD',
      )
    debug('%s', line)
    const kind = `${method} ${route} ${refusal.code}`
    if (debug.enabled || told.has(kind) || told.size >= MOST_LINES) return
    told.add(kind)
    process.stderr.write(`countermark: ${line}\n  said once; what to do: npx countermark explain ${refusal.code}\n`)
  }
}

function reasonOf({ message, diagnosis, cause }: Refusal): string {
  const known = diagnosis ?? (cause instanceof Error ? { cause: cause.message } : undefined)
  if (known === undefined) return message
  return `${message} ${JSON.stringify(known).slice(0, LONGEST_DIAGNOSIS)}`
}
