export { createGuard, type KoaGuardOptions, type KoaRespond } from './create-guard.ts'
