import type { JsonObject } from '@countermark/core/internal'
import { Command } from 'commander'
import { type AuthorityCallOptions, addAuthorityPart, askAndTell, listAndTell } from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'

interface TenantOptions extends AuthorityCallOptions {
  readonly name: string
  readonly tenant: string
  readonly scope: readonly string[]
  readonly role: string
}

/** `countermark tenant`: tenants. */
export function tenantCommand(context: CommandContext): Command {
  const command = new Command('tenant')
    .summary('add a tenant')
    .addHelpText('after', examples('countermark tenant add acme --name "Acme Ltd"'))
  addAuthorityPart(command, { name: 'add', summary: 'register a tenant', argument: ['<tenant>', 'a-z 0-9 -'] })
    .requiredOption('--name <text>', 'what people call it')
    .action((id: string, { name, ...options }: TenantOptions) =>
      askAndTell(context, options, {
        request: { method: 'POST', path: '/tenants', body: { id, name } },
        lines: () => [`${id} is registered`],
      }),
    )
  return command
}

/** `countermark person`: people who own agents. */
export function personCommand(context: CommandContext): Command {
  const command = new Command('person')
    .summary('add and list people who own agents; say that one has left')
    .addHelpText('after', examples('countermark person add jane --tenant acme --name Jane --scope orders:read'))
  const add = (name: string, summary: string, argument?: readonly [string, string]): Command =>
    addAuthorityPart(command, { name, summary, ...(argument && { argument }) }).requiredOption('--tenant <id>', 'whose')
  add('add', 'register a person who may own agents', ['<person>', 'their id'])
    .requiredOption('--name <text>', 'what people call them')
    .option('--scope <scope...>', 'what they may give to agents', [])
    .action((id: string, { name, tenant, scope: ceiling, ...options }: TenantOptions) =>
      askAndTell(context, options, {
        request: { method: 'POST', path: peopleOf(tenant), body: { id, name, ceiling } },
        lines: ({ state }) => [`${id} is registered: ${state}`],
      }),
    )
  add('list', 'people of a tenant').action(({ tenant, ...options }: TenantOptions) =>
    listAndTell(context, options, {
      path: peopleOf(tenant),
      heading: ['PERSON', 'STATE', 'NAME', 'MAY GIVE'],
      row: ({ id, state, name, ceiling }) => [String(id), String(state), String(name), wordsOf(ceiling)],
    }),
  )
  add('leave', 'a person leaves: they own nothing any more, and their agents stop', ['<person>', 'their id']).action(
    (id: string, { tenant, ...options }: TenantOptions) =>
      askAndTell(context, options, {
        request: { method: 'POST', path: `${peopleOf(tenant)}/${encodeURIComponent(id)}/departure` },
        lines: ({ suspended }) => [`${id} has left; stopped: ${wordsOf(suspended) || 'no agent'}`],
      }),
  )
  return command
}

/** `countermark role`: who may do what. */
export function roleCommand(context: CommandContext): Command {
  const command = new Command('role')
    .summary('give a caller a role, or take it away')
    .addHelpText('after', examples('countermark role give person:jane@example.com --role operator --tenant acme'))
  const parts: readonly (readonly [name: string, summary: string, path: string])[] = [
    ['give', 'give a caller a role', '/roles'],
    ['take', 'take a role away', '/roles/removal'],
  ]
  for (const [name, summary, path] of parts) {
    addAuthorityPart(command, { name, summary, argument: ['<caller>', 'agent:… or person:…'] })
      .requiredOption('--role <word>', 'admin, operator or auditor')
      .requiredOption('--tenant <id>', "in which tenant; '*' for all")
      .action((caller: string, { role, tenant, ...options }: TenantOptions) =>
        askAndTell(context, options, {
          request: { method: 'POST', path, body: { caller, tenant, role } },
          lines: (given: JsonObject) => [
            `${given['caller']}: ${name === 'give' ? 'is' : 'is no longer'} ${role} of ${tenant}`,
          ],
        }),
      )
  }
  return command
}

function peopleOf(tenant: string): string {
  return `/tenants/${encodeURIComponent(tenant)}/people`
}

function wordsOf(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : ''
}
