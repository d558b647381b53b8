import { Server as NetServer } from 'node:net'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rehearseTrails } from '@countermark/audit/command'
import { beginRehearsal } from '@countermark/core/internal'
import { CommandError, reasonOf } from './errors.ts'
import { expressRoutes, isExpress, rehearseExpress } from './express-routes.ts'
import type { FoundApp } from './found-route.ts'
import { isKoa, koaRoutes, rehearseKoa } from './koa-routes.ts'
import type { Terminal } from './terminal.ts'

/** Names under which modules export an application. */
const NAMES = ['default', 'app', 'application', 'server']

/**
 * Loads the module of an application and finds its routes. Ports that the module opens while it loads stay closed. Its guards
 * and trails record nothing: the running service may hold the audit trail, and a question is no evidence.
 * @throws CommandError
 */
export async function loadApp({ folder }: Terminal, file: string): Promise<FoundApp> {
  const module = await importQuietly(resolve(folder, file))
  for (const candidate of candidatesOf(module)) {
    if (isExpress(candidate)) return { routes: expressRoutes(candidate), rehearse: () => rehearseExpress(candidate) }
    if (isKoa(candidate)) return { routes: koaRoutes(candidate), rehearse: () => rehearseKoa(candidate) }
  }
  throw new CommandError(
    `${file} exports no Express or Koa application`,
    'export it: export default app, or module.exports = app',
  )
}

function candidatesOf(module: object): readonly unknown[] {
  const direct = NAMES.map((name) => Reflect.get(module, name))
  // What CommonJS exports stands inside the default export.
  const inner = direct.flatMap((value) =>
    typeof value === 'object' && value !== null ? NAMES.map((name) => Reflect.get(value, name)) : [],
  )
  return [...direct, ...inner]
}

async function importQuietly(path: string): Promise<object> {
  const { listen } = NetServer.prototype
  const ends = [beginRehearsal(), rehearseTrails()]
  NetServer.prototype.listen = function keepClosed(this: NetServer): NetServer {
    return this
  }
  try {
    return await import(pathToFileURL(path).href)
  } catch (error) {
    const hint = path.endsWith('.ts') ? 'for TypeScript: npx tsx node_modules/.bin/countermark routes …' : undefined
    throw new CommandError(`${path} cannot be loaded: ${reasonOf(error)}`, hint)
  } finally {
    NetServer.prototype.listen = listen
    for (const end of ends) end()
  }
}
