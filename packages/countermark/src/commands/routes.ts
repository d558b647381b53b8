import type { GuardSummary } from '@countermark/core/internal'
import { Command } from 'commander'
import { loadApp } from './app-module.ts'
import { type CommandContext, examples } from './command-context.ts'
import type { FoundRoute } from './found-route.ts'
import { EXIT, layOut, paint, say, sayJson, type Terminal } from './terminal.ts'

interface RoutesOptions {
  readonly failUnguarded?: boolean
  readonly allow: readonly string[]
  readonly json?: boolean
}

/** `countermark routes`: every route of an application, and what guards it. */
export function routesCommand({ terminal, exit }: CommandContext): Command {
  return new Command('routes')
    .summary('every route of an application, and what guards it')
    .description('Loads the module of an Express or Koa application; ports that it opens while loading stay closed.')
    .argument('<app>', 'the module that exports the application')
    .option('--fail-unguarded', 'exit with 1 when a route has no guard: for CI')
    .option('--allow <path>', 'a route that needs no guard, such as /healthz; repeatable', append, [])
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark routes app.js',
        'countermark routes app.js --fail-unguarded --allow /healthz',
        'npx tsx node_modules/.bin/countermark routes src/app.ts',
      ),
    )
    .action(async (file: string, options: RoutesOptions) => {
      const { routes } = await loadApp(terminal, file)
      const unguarded = routes.filter(({ path, guards }) => guards.length === 0 && !options.allow.includes(path))
      if (options.json === true) sayJson(terminal, { routes, unguarded: unguarded.length })
      else tell(terminal, routes, unguarded)
      exit(options.failUnguarded === true && unguarded.length > 0 ? EXIT.no : EXIT.yes)
    })
}

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function tell(terminal: Terminal, routes: readonly FoundRoute[], unguarded: readonly FoundRoute[]): void {
  if (routes.length === 0) {
    say(
      terminal,
      'no route was found: Koa itself knows none, and what is not mounted when the module is loaded cannot be seen',
    )
    return
  }
  const rows = routes.map((route) => {
    const { method, path, guards } = route
    const by = guards.map(describe).join(' → ')
    return [method, path, unguarded.includes(route) ? paint(terminal, 'bad', 'no guard') : by || 'open']
  })
  say(terminal, ...layOut([['METHOD', 'PATH', 'GUARDED BY'], ...rows]))
  say(terminal, '', `${routes.length} routes, ${unguarded.length} without a guard`)
}

function describe({ checks, mode, percent, optional }: GuardSummary): string {
  const share = percent === undefined ? '' : `enforced for ${percent} %`
  const notes = [mode === 'observe' ? 'observes' : share, optional ? 'optional' : ''].filter((note) => note !== '')
  return checks.join(' + ') + (notes.length === 0 ? '' : ` (${notes.join(', ')})`)
}
