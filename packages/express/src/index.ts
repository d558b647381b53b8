export { createGuard, type ExpressGuardOptions, type ExpressRespond } from './create-guard.ts'
export { createHttpsServer, createServer } from './create-server.ts'
