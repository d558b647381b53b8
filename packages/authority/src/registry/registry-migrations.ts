import type { CreateTableBuilder, Transaction } from 'kysely'
import type { Migration } from '../storage/store.ts'

type Table = CreateTableBuilder<string, never>

/** Creates a table from `name text!` and `name bigint`: what ends in `!` is required. */
function createTable(
  db: Transaction<unknown>,
  name: string,
  key: readonly string[],
  columns: readonly string[],
): Table {
  let table: Table = db.schema.createTable(name).addPrimaryKeyConstraint(`${name}_key`, key as never)
  for (const column of columns) {
    const [, field = '', type, required] = /^(\w+) (text|bigint)(!?)$/.exec(column) ?? []
    table = table.addColumn(field as never, type === 'bigint' ? 'bigint' : 'text', (built) =>
      required === '!' ? built.notNull() : built,
    )
  }
  return table
}

const TABLES: readonly (readonly [name: string, key: readonly string[], columns: readonly string[]])[] = [
  ['tenants', ['id'], ['id text!', 'name text!', 'created_at bigint!', 'revision bigint!']],
  [
    'people',
    ['tenant', 'id'],
    [
      'tenant text!',
      'id text!',
      'name text!',
      'ceiling text!',
      'state text!',
      'created_at bigint!',
      'revision bigint!',
    ],
  ],
  [
    'agents',
    ['id'],
    [
      ...['id text!', 'tenant text!', 'name text!', 'purpose text!', 'type text!', 'version text!', 'state text!'],
      ...['reason text', 'ceiling text!', 'constraints text!', 'template text', 'expires_at bigint'],
      ...['rotate_by bigint', 'retirement_asked_by text', 'retirement_reason text', 'replaced_by text'],
      ...['created_at bigint!', 'changed_at bigint!', 'revision bigint!'],
    ],
  ],
  ['agent_owners', ['agent', 'person'], ['agent text!', 'tenant text!', 'person text!']],
  [
    'agent_keys',
    ['thumbprint'],
    [
      ...['thumbprint text!', 'agent text!', 'kid text!', 'kind text!', 'jwk text!', 'algorithm text!'],
      ...['agent_version text!', 'state text!', 'not_before bigint!', 'not_after bigint', 'created_at bigint!'],
      ...['last_used_at bigint', 'follows text'],
    ],
  ],
  [
    'enrolment_codes',
    ['id'],
    [
      ...['id text!', 'hash text!', 'agent text!', 'created_by text!', 'created_at bigint!', 'expires_at bigint!'],
      'used_at bigint',
    ],
  ],
  [
    'templates',
    ['tenant', 'id'],
    ['tenant text!', 'id text!', 'ceiling text!', 'constraints text!', 'created_at bigint!', 'revision bigint!'],
  ],
  [
    'changes',
    ['seq'],
    ['seq bigint!', 'at bigint!', 'kind text!', 'tenant text!', 'agent text', 'person text', 'thumbprint text'],
  ],
  [
    'kept_answers',
    ['caller', 'key'],
    ['caller text!', 'key text!', 'digest text!', 'answer text!', 'created_at bigint!'],
  ],
]

const INDEXES: readonly (readonly [table: string, columns: readonly string[], unique?: 'unique'])[] = [
  ['agents', ['tenant', 'id']],
  ['agent_owners', ['tenant', 'person']],
  ['agent_keys', ['agent', 'kid'], 'unique'],
  ['agent_keys', ['kid']],
  ['enrolment_codes', ['hash'], 'unique'],
  ['kept_answers', ['created_at']],
]

/** Makes the tables of the registry. */
export const REGISTRY_MIGRATIONS: readonly Migration[] = [
  {
    name: '001_registry',
    up: async (db) => {
      for (const [name, key, columns] of TABLES) await createTable(db, name, key, columns).execute()
      for (const [table, columns, unique] of INDEXES) {
        const index = db.schema
          .createIndex(`${table}_by_${columns.join('_')}`)
          .on(table)
          .columns([...columns])
        await (unique === undefined ? index : index.unique()).execute()
      }
    },
    down: async (db) => {
      for (const [name] of [...TABLES].reverse()) await db.schema.dropTable(name).execute()
    },
  },
  {
    name: '004_set_by',
    up: (db) => db.schema.alterTable('agents').addColumn('set_by', 'text').execute(),
    down: (db) => db.schema.alterTable('agents').dropColumn('set_by').execute(),
  },
  {
    // Listings begin with what was changed last.
    name: '005_latest_agents',
    up: async (db) => {
      await db.schema.createIndex('agents_by_changed_at').on('agents').columns(['changed_at']).execute()
      await db.schema
        .createIndex('agents_by_tenant_changed_at')
        .on('agents')
        .columns(['tenant', 'changed_at'])
        .execute()
    },
    down: async (db) => {
      await db.schema.dropIndex('agents_by_tenant_changed_at').execute()
      await db.schema.dropIndex('agents_by_changed_at').execute()
    },
  },
]
