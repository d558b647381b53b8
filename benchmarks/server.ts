import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BenchIdentity } from './identity.ts'
import { EXPRESS_SERVERS } from './servers/express.ts'
import { JWT_SERVERS } from './servers/jwt-libraries.ts'
import { KOA_SERVERS } from './servers/koa.ts'
import { NODE_SERVERS } from './servers/node.ts'

/** Makes the listener of one variant. */
export type CreateListener = (identity: BenchIdentity) => RequestListener

const name = process.argv[2] ?? ''
const identity: BenchIdentity = JSON.parse(readFileSync(process.env['BENCH_IDENTITY'] ?? '', 'utf8'))
const creators = { ...NODE_SERVERS, ...JWT_SERVERS, ...EXPRESS_SERVERS, ...KOA_SERVERS }
// A control is the bare server; it differs by the requests it gets.
const create = creators[name.replace(/ ignoring .*/, '')]
if (create === undefined) throw new Error(`no server called ${name}`)
const server: Server = createServer(create(identity))
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => console.log(`PORT ${(server.address() as AddressInfo).port}`))
// A clean end lets `node --cpu-prof` write what it saw.
process.once('SIGTERM', () => process.exit())
