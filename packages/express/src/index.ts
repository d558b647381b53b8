export { createGuard, type ExpressGuardOptions, type ExpressRespond } from './create-guard.ts'
