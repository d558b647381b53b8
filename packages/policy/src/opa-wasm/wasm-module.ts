import { loadOptionalPeer } from '@countermark/core/internal'

/** A policy that is ready to be asked. */
export interface LoadedPolicy {
  readonly evaluate: (input: unknown, entrypoint: string) => unknown
  readonly setData: (data: object) => void
}

/** As much of `@open-policy-agent/opa-wasm` as is used here. */
export interface OpaWasmModule {
  readonly loadPolicySync: (
    wasm: Uint8Array,
    memory: { readonly initial: number; readonly maximum: number },
  ) => LoadedPolicy
}

const PEER = {
  name: '@open-policy-agent/opa-wasm',
  neededBy: 'policies of Open Policy Agent in this process',
  place: import.meta.url,
}

/**
 * Loads the engine.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING`
 */
export function loadOpaWasm(): OpaWasmModule {
  try {
    return require('@open-policy-agent/opa-wasm')
  } catch (error) {
    return loadOptionalPeer(PEER, error)
  }
}
