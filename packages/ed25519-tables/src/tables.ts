import { randomInt } from 'node:crypto'
import {
  type AgentKey,
  type Environment,
  type MetricRow,
  Misconfigured,
  type SignatureVerifier,
} from '@countermark/core'
import { callback, isSmallOrder, nodeVerifier, number, optionTable } from '@countermark/core/internal'
import { HotKeys } from './hot-keys.ts'
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
  /** JWK thumbprint of the key. */
  readonly thumbprint: string
  /** The signed bytes: they may hold an `Authorization` field. */
  readonly data: Uint8Array
  /** The signature that both judged. */
  readonly signature: Uint8Array
  /** What the table said; `undefined` when it stopped with an error. */
  readonly table: boolean | undefined
  /** What counts. */
  readonly node: boolean
}

const DIFFERENCE = METRICS.measure('ed25519_tables_differences_total', 1)

/**
 * Verification of Ed25519 with a table for each key that comes often, at about 0.4 of the cost of `node:crypto`. What
 * tables do not judge goes to `nodeVerifier`: other algorithms, new keys, long messages, R or S that no honest signer
 * makes, and the thread pool. Both give the same verdicts.
 * @example createGuard({ origins, verifier: tables() })
 * @throws {@link Misconfigured} `ERR_VERIFIER_SELF_TEST`, `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function tables(options: TablesOptions = {}): SignatureVerifier {
  return createTablesVerifier(options, openEngine())
}

/** The same with an engine that was tested. */
export function createTablesVerifier(options: TablesOptions, engine: TableEngine): SignatureVerifier {
  const verifier = new TablesVerifier(OPTIONS.read(options), engine)
  return {
    name: 'ed25519-tables',
    verify: (key, data, signature) => verifier.verify(key, data, signature),
    verifyInThreadPool: nodeVerifier.verifyInThreadPool,
    metrics: verifier.metrics,
    reportTo: (report) => void verifier.reports.add(report),
  }
}

const OPTIONS = optionTable('tables', {
  after: number({ min: 1, default: 3 }),
  maxKeys: number({ min: 1, max: 1024, default: 1024 }),
  shadowEvery: number({ min: 1, max: 65_536, default: 1024 }),
  onDifference: callback<(difference: TableDifference) => void>(),
})

class TablesVerifier {
  readonly reports = new Set<Environment['report']>()
  readonly metrics: readonly MetricRow[]
  private readonly settings: ReturnType<typeof OPTIONS.read>
  private readonly engine: TableEngine
  private readonly keys: HotKeys
  private verifications = 0
  private shadowChecks = 0
  private differences = 0
  private untilShadow: number

  constructor(settings: ReturnType<typeof OPTIONS.read>, engine: TableEngine) {
    const { after, maxKeys } = settings
    this.settings = settings
    this.engine = engine
    this.keys = new HotKeys({ engine, after, maxKeys })
    this.untilShadow = this.drawGap()
    this.metrics = METRICS.rowsOf(
      {},
      {
        ed25519_tables_verifications_total: () => this.verifications,
        ed25519_tables_shadow_checks_total: () => this.shadowChecks,
        ed25519_tables_differences_total: () => this.differences,
        ed25519_tables_given_up: () => Math.min(this.differences, 1),
        ed25519_tables_keys: () => this.keys.size(),
      },
    )
  }

  verify(key: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
    if (this.differences > 0 || !this.isForTables(key, data, signature))
      return nodeVerifier.verify(key, data, signature)
    const hot = this.keys.find(key)
    if (hot === undefined) {
      const holds = nodeVerifier.verify(key, data, signature)
      if (holds) this.keys.noteAccepted(key)
      return holds
    }
    const verdict = this.attempt(hot.table, data, signature)
    if (verdict === 'not judged') return nodeVerifier.verify(key, data, signature)
    this.verifications++
    if (verdict === true) this.keys.use(hot)
    if (verdict !== undefined && hot.isCompared && --this.untilShadow > 0) return verdict
    hot.isCompared = true
    return this.compare(key, data, signature, verdict)
  }

  private isForTables({ algorithm }: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
    return (
      algorithm === 'ed25519' &&
      signature.length === 64 &&
      data.length <= this.engine.maxMessageBytes &&
      !isSmallOrder(signature.subarray(0, 32))
    )
  }

  /** `undefined` when the module stopped, which it must not. */
  private attempt(table: number, data: Uint8Array, signature: Uint8Array): boolean | 'not judged' | undefined {
    try {
      return this.engine.verify(table, data, signature) ?? 'not judged'
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return undefined
      throw error
    }
  }

  private compare(key: AgentKey, data: Uint8Array, signature: Uint8Array, table: boolean | undefined): boolean {
    const node = nodeVerifier.verify(key, data, signature)
    if (this.untilShadow <= 0) this.untilShadow = this.drawGap()
    this.shadowChecks++
    if (table === node) return node
    this.differences++
    for (const report of this.reports) report(DIFFERENCE)
    const { onDifference = warn } = this.settings
    onDifference({ thumbprint: key.thumbprint, data, signature, table, node })
    return node
  }

  /** Not every n-th: a caller who counts must not know which verdicts are looked at. */
  private drawGap(): number {
    return randomInt(1, 2 * this.settings.shadowEvery)
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
