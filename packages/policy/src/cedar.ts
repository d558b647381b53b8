export { cedar } from './cedar/cedar-engine.ts'
export type { CedarUid } from './cedar/cedar-module.ts'
export type { CedarEntity, CedarOptions, CedarRequest } from './cedar/cedar-options.ts'
