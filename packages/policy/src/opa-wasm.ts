export { type OpaWasmEngine, opaWasm, type ReloadResult } from './opa-wasm/opa-wasm-engine.ts'
export type { OpaWasmOptions } from './opa-wasm/opa-wasm-options.ts'
export type { BundleVerification } from './opa-wasm/verify-bundle.ts'
