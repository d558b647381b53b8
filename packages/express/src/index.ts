export { createGuard, type ExpressGuardOptions } from './create-guard.ts'
