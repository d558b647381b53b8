import { readFileSync } from 'node:fs'
import { Misconfigured } from '@countermark/core'
import { isThenable, type Measurement, reportDegraded } from '@countermark/core/internal'
import { UnreadableAnswer } from '../answer/read-decision.ts'
import type { PolicyEngine } from '../engines/engine.ts'
import { BUNDLE_METRICS } from '../metric-rows.ts'
import { type Bundle, readBundle } from './bundle.ts'
import { BundleRefused } from './bundle-refused.ts'
import { type OpaWasmOptions, readOpaWasmOptions } from './opa-wasm-options.ts'
import { type LoadedPolicy, loadOpaWasm } from './wasm-module.ts'

/** What came of a look for a newer bundle. */
export type ReloadResult = 'loaded' | 'unchanged' | 'refused' | 'failed'

/** A policy of Open Policy Agent in this process. */
export interface OpaWasmEngine extends PolicyEngine {
  /** Looks for a newer bundle. One that cannot be had or verified, or is older, changes nothing: the one before decides on. */
  readonly reload: () => Promise<ReloadResult>
}

interface Loaded {
  readonly bundle: Bundle
  readonly policy: LoadedPolicy
}

/**
 * Decides by a bundle of Open Policy Agent that was compiled to WebAssembly (`opa build -t wasm`), in this process. Needs
 * `@open-policy-agent/opa-wasm`. A policy that runs long keeps this process from everything else.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`, and `ERR_OPTION_INVALID` for a bundle that is
 *   refused
 * @example
 * consultPolicy(opaWasm({ bundle: '/etc/policy/bundle.tar.gz', verification: { keys: { release: publicKeyPem } }, reloadSeconds: 60 }))
 */
export function opaWasm(options: OpaWasmOptions): OpaWasmEngine {
  const settings = readOpaWasmOptions(options)
  const { bundle: source, maxPages, reloadSeconds } = settings
  const module = loadOpaWasm()
  let report: (measurement: Measurement) => void = () => undefined
  let loaded: Loaded | undefined
  let loading: Promise<ReloadResult> | undefined

  const use = (bytes: Uint8Array): ReloadResult => {
    const bundle = readBundle(bytes, settings)
    if (bundle.digest === loaded?.bundle.digest) return 'unchanged'
    if (loaded !== undefined) requireNewer(bundle, loaded.bundle)
    const policy = module.loadPolicySync(bundle.wasm, { initial: Math.min(5, maxPages), maximum: maxPages })
    policy.setData(bundle.data)
    loaded = { bundle, policy }
    return 'loaded'
  }

  const look = async (): Promise<ReloadResult> => {
    try {
      return use(await fetchBundle(source))
    } catch (error) {
      if (loaded === undefined) throw error
      return error instanceof BundleRefused ? 'refused' : 'failed'
    }
  }

  const reload = (): Promise<ReloadResult> => {
    loading ??= look().then(
      (result) => {
        loading = undefined
        report(BUNDLE_METRICS.measure('policy_reloads_total', 1, { result }))
        reportDegraded(report, 'policy_bundle', result === 'refused' || result === 'failed' ? 1 : 0)
        return result
      },
      (error: unknown) => {
        loading = undefined
        throw error
      },
    )
    return loading
  }

  // What is at hand is looked at while the application starts; what has to be fetched, by `ready`.
  if (typeof source !== 'function') useNow(() => use(typeof source === 'string' ? readFileSync(source) : source))
  const timer =
    reloadSeconds === 0 ? undefined : setInterval(() => void reload().catch(() => undefined), reloadSeconds * 1000)
  timer?.unref()

  return {
    name: 'opa-wasm',
    metrics: BUNDLE_METRICS.rows,
    revision: () => loaded?.bundle.revision,
    reload,
    ready: async () => {
      if (loaded === undefined) await reload()
    },
    close: () => clearInterval(timer),
    reportTo: (given) => {
      report = given
    },
    decide: (input) => {
      if (loaded === undefined) throw new UnreadableAnswer('undecided', 'the bundle is not there yet: await ready()')
      return resultOf(loaded.policy.evaluate(input, loaded.bundle.entrypoint), loaded.bundle.revision)
    },
  }
}

async function fetchBundle(source: OpaWasmOptions['bundle']): Promise<Uint8Array> {
  if (typeof source === 'string') return readFileSync(source)
  if (typeof source !== 'function') return source
  const bytes = source()
  return isThenable(bytes) ? await bytes : bytes
}

function useNow(load: () => unknown): void {
  try {
    load()
  } catch (error) {
    throw new Misconfigured('ERR_OPTION_INVALID', `opaWasm: the bundle cannot be used: ${messageOf(error)}`)
  }
}

/** The engine throws texts. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An old bundle is signed as well as a new one: where signatures say when they were made, none goes back. */
function requireNewer(next: Bundle, { signedAt }: Bundle): void {
  if (signedAt === undefined) return
  if (next.signedAt !== undefined && next.signedAt >= signedAt) return
  throw new BundleRefused('the bundle was signed before the one that is used')
}

/** A set of results: none where the rule is not defined, one otherwise. */
function resultOf(results: unknown, revision: string): unknown {
  if (!Array.isArray(results) || results.length > 1) {
    throw new UnreadableAnswer('malformed', 'the policy gave no set of results')
  }
  const result: unknown = Object(results[0]).result
  if (typeof result === 'boolean') return { allow: result, revision }
  return typeof result === 'object' && result !== null && !Array.isArray(result) ? { revision, ...result } : result
}
