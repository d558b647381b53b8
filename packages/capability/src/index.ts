export { coversScope } from './covers-scope.ts'
export { parseScope, type Scope } from './scope.ts'
export { ACTION_FIRST, type ScopeAliases } from './scope-aliases.ts'
