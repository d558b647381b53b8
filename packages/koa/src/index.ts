export { createGuard, type KoaGuardOptions } from './create-guard.ts'
