import { randomBytes } from 'node:crypto'
import type { StoredTables } from '../../storage/store.ts'
import type { StatusListTable, TokenTables } from '../issuing/token-tables.ts'
import { createPlaceOrder, type PlaceOrder } from './place-order.ts'

/** Where the status of one token stands. */
export interface StatusPlace {
  readonly listId: number
  readonly index: number
}

/** Gives places away, each once. */
export interface StatusPlaces {
  readonly take: () => Promise<StatusPlace>
}

/** 16 KB as bits. */
export const PLACES_PER_LIST: number = 2 ** 17
/** Taken at a time: a row that each token changed would make them wait for one another. */
const BLOCK = 64

interface Block {
  readonly list: StatusListTable
  readonly order: PlaceOrder
  next: number
  readonly end: number
}

/** Creates what gives places away. Places of a process that ends go unused. */
export function createStatusPlaces(tables: StoredTables<TokenTables>): StatusPlaces {
  let block: Block | undefined
  let taking: Promise<Block> | undefined
  const refill = (): Promise<Block> => {
    taking ??= takeBlock(tables).finally(() => {
      taking = undefined
    })
    return taking
  }
  return {
    take: async () => {
      while (block === undefined || block.next >= block.end) block = await refill()
      const { list } = block
      const place = block.next
      block.next += 1
      return { listId: list.list_id, index: block.order(place) }
    },
  }
}

function takeBlock({ transaction }: StoredTables<TokenTables>): Promise<Block> {
  return transaction('token-status-places', async (tables) => {
    const last = await tables
      .selectFrom('token_status_lists')
      .selectAll()
      .orderBy('list_id', 'desc')
      .limit(1)
      .executeTakeFirst()
    const isFull = last === undefined || last.taken + BLOCK > PLACES_PER_LIST
    const list = isFull ? newList((last?.list_id ?? 0) + 1) : last
    const taken = list.taken + BLOCK
    await tables
      .insertInto('token_status_lists')
      .values({ ...list, taken })
      .onConflict((conflict) => conflict.column('list_id').doUpdateSet({ taken }))
      .execute()
    return { list, order: createPlaceOrder(list.secret, PLACES_PER_LIST), next: list.taken, end: taken }
  })
}

function newList(id: number): StatusListTable {
  return { list_id: id, taken: 0, secret: randomBytes(16).toString('base64url') }
}
