import { randomInt } from 'node:crypto'
import {
  type AgentKey,
  type Environment,
  Misconfigured,
  requireKnownOptions,
  requireNumber,
  type SignatureVerifier,
} from '@countermark/core'
import { isSmallOrder, nodeVerifier } from '@countermark/core/internal'
import { createHotKeys } from './hot-keys.ts'
import { METRICS } from './metric-rows.ts'
import { requireKnownAnswers } from './self-test.ts'
import { createTableEngine, type TableEngine } from './table-engine.ts'

/** How tables are used. */
export interface TablesOptions {
  /** Accepted signatures after which a key gets a table. @default 3 */
  readonly after?: number
  /** Tables at a time, 15 KB each. @default 1024, which is the most */
  readonly maxKeys?: number
  /** One in so many verdicts, on average, and the first of each table, is computed by node:crypto as well. @default 1024 */
  readonly shadowEvery?: number
  /** Told of a verdict that differs; tables decide nothing from then on. What it throws, `verify` throws. @default a process warning */
  readonly onDifference?: (difference: TableDifference) => void
}

/** A verdict of a table that node:crypto does not share. It must not happen; please report it. */
export interface TableDifference {
  readonly thumbprint: string
  /** The signed bytes: they may hold an `Authorization` field. */
  readonly data: Uint8Array
  readonly signature: Uint8Array
  /** What the table said; `undefined` when it stopped with an error. */
  readonly table: boolean | undefined
  /** What counts. */
  readonly node: boolean
}

const DIFFERENCE = METRICS.measure('ed25519_tables_differences_total', 1)

/**
 * Verification of Ed25519 with a table for each key that comes often, at about 0.4 of the cost of `node:crypto`. What
 * tables do not judge goes to {@link nodeVerifier}: other algorithms, new keys, long messages, R or S that no honest signer
 * makes, and the thread pool. Both give the same verdicts.
 * @example createGuard({ origins, verifier: tables() })
 * @throws {@link Misconfigured} `ERR_VERIFIER_SELF_TEST`, `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function tables(options: TablesOptions = {}): SignatureVerifier {
  return createTablesVerifier(options, openEngine())
}

/** The same with an engine that was tested. */
export function createTablesVerifier(options: TablesOptions, engine: TableEngine): SignatureVerifier {
  const { after, maxKeys, shadowEvery, onDifference } = validOptions(options)
  const { maxMessageBytes } = engine
  const keys = createHotKeys({ engine, after, maxKeys })
  const reports = new Set<Environment['report']>()
  const counts = { verifications: 0, shadowChecks: 0, differences: 0 }
  // Not every n-th: a caller who counts must not know which verdicts are looked at.
  const drawGap = (): number => randomInt(1, 2 * shadowEvery)
  let untilShadow = drawGap()

  function verify(key: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
    if (counts.differences > 0 || !isForTables(key, data, signature)) return nodeVerifier.verify(key, data, signature)
    const hot = keys.find(key)
    if (hot === undefined) {
      const holds = nodeVerifier.verify(key, data, signature)
      if (holds) keys.noteAccepted(key)
      return holds
    }
    const verdict = attempt(hot.table, data, signature)
    if (verdict === 'not judged') return nodeVerifier.verify(key, data, signature)
    counts.verifications++
    if (verdict === true) keys.use(hot)
    if (verdict !== undefined && hot.isCompared && --untilShadow > 0) return verdict
    hot.isCompared = true
    return compare(key, data, signature, verdict)
  }

  function isForTables({ algorithm }: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
    return (
      algorithm === 'ed25519' &&
      signature.length === 64 &&
      data.length <= maxMessageBytes &&
      !isSmallOrder(signature.subarray(0, 32))
    )
  }

  /** `undefined` when the module stopped, which it must not. */
  function attempt(table: number, data: Uint8Array, signature: Uint8Array): boolean | 'not judged' | undefined {
    try {
      return engine.verify(table, data, signature) ?? 'not judged'
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return undefined
      throw error
    }
  }

  function compare(key: AgentKey, data: Uint8Array, signature: Uint8Array, table: boolean | undefined): boolean {
    const node = nodeVerifier.verify(key, data, signature)
    if (untilShadow <= 0) untilShadow = drawGap()
    counts.shadowChecks++
    if (table === node) return node
    counts.differences++
    for (const report of reports) report(DIFFERENCE)
    onDifference({ thumbprint: key.thumbprint, data, signature, table, node })
    return node
  }

  return {
    name: 'ed25519-tables',
    verify,
    verifyInThreadPool: nodeVerifier.verifyInThreadPool,
    metrics: METRICS.rowsOf(
      {},
      {
        ed25519_tables_verifications_total: () => counts.verifications,
        ed25519_tables_shadow_checks_total: () => counts.shadowChecks,
        ed25519_tables_differences_total: () => counts.differences,
        ed25519_tables_given_up: () => Math.min(counts.differences, 1),
        ed25519_tables_keys: keys.size,
      },
    ),
    reportTo: (report) => void reports.add(report),
  }
}

function validOptions(options: TablesOptions): Required<TablesOptions> {
  requireKnownOptions('tables', options, ['after', 'maxKeys', 'shadowEvery', 'onDifference'])
  const { after = 3, maxKeys = 1024, shadowEvery = 1024, onDifference = warn } = options
  if (typeof onDifference !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'onDifference must be a function')
  }
  return {
    after: requireNumber('after', after, { min: 1 }),
    maxKeys: requireNumber('maxKeys', maxKeys, { min: 1, max: 1024 }),
    shadowEvery: requireNumber('shadowEvery', shadowEvery, { min: 1, max: 65_536 }),
    onDifference,
  }
}

function openEngine(): TableEngine {
  if (typeof WebAssembly === 'undefined') {
    throw new Misconfigured(
      'ERR_VERIFIER_SELF_TEST',
      'tables() needs WebAssembly; start Node without --jitless, or use another verifier',
    )
  }
  const engine = createTableEngine()
  requireKnownAnswers(engine)
  return engine
}

function warn({ thumbprint, table, node }: TableDifference): void {
  const message = `a table said ${table ?? 'nothing'} where node:crypto says ${node}, under the key ${thumbprint}`
  process.emitWarning(`${message}; node:crypto decides alone from now on`, {
    type: 'CountermarkWarning',
    code: 'ed25519_tables_difference',
  })
}
