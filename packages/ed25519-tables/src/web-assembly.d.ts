/** The part of WebAssembly that is used; @types/node has none of it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module)
    readonly exports: object
  }
  class RuntimeError extends Error {}
}
