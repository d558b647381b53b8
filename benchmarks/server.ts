import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BenchIdentity } from './identity.ts'
import { EXPRESS_SERVERS } from './servers/express.ts'
import { JWT_SERVERS } from './servers/jwt-libraries.ts'
import { KOA_SERVERS } from './servers/koa.ts'
import { GUARDED_NODE_SERVERS, ok, okAfterBody } from './servers/node-guarded.ts'
import { SIGNATURE_SERVERS } from './servers/signature-libraries.ts'
import { UNIT_SERVERS } from './servers/units.ts'

/** Makes the listener of one variant, or the whole server where a framework makes its own. */
export type CreateListener = (identity: BenchIdentity) => RequestListener | Server

const name = process.argv[2] ?? ''
const identity: BenchIdentity = JSON.parse(readFileSync(process.env['BENCH_IDENTITY'] ?? '', 'utf8'))
const creators: Readonly<Record<string, CreateListener>> = {
  node: () => ok,
  'node reading': () => okAfterBody,
  ...UNIT_SERVERS,
  ...GUARDED_NODE_SERVERS,
  ...SIGNATURE_SERVERS,
  ...JWT_SERVERS,
  ...EXPRESS_SERVERS,
  ...KOA_SERVERS,
}
// A control is the bare server; it differs by the requests it gets.
const create = creators[name.replace(/ ignoring .*/, '')]
if (create === undefined) throw new Error(`no server called ${name}`)
const created = create(identity)
const server = created instanceof Server ? created : createServer(created)
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => console.log(`PORT ${(server.address() as AddressInfo).port}`))
// A clean end lets `node --cpu-prof` write what it saw.
process.once('SIGTERM', () => process.exit())
