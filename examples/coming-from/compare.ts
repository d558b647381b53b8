import type { RequestListener } from 'node:http'
import type { ShopSettings } from './shop-settings.ts'
import { type Claims, createWorld, listen, send, type WireAnswer, type WireRequest, type World } from './world.ts'

/** A request, and what the program before and the one after answer to it. */
export type Row = readonly [request: string, before: string, after: string]

/** Makes the same application, before or after. */
export type CreateShop = (settings: ShopSettings) => RequestListener

/** What is sent to a shop, step by step; the last answer is the one that counts. */
type Play = (world: World, shop: (request: WireRequest) => Promise<WireAnswer>) => Promise<WireAnswer>

const AMOUNT = '{"amount":500}'
const REFUND = { method: 'POST', path: '/refunds', body: AMOUNT }
const JSON_TYPE = ['Content-Type', 'application/json'] as const

async function refund(
  world: World,
  claims: Claims = {},
  agent: 'agt_first' | 'agt_other' = 'agt_first',
): Promise<WireRequest> {
  return world.sign(agent, { ...REFUND, headers: [JSON_TYPE, ['Authorization', `Bearer ${await world.mint(claims)}`]] })
}

const PLAYS: Readonly<Record<string, Play>> = {
  'a good token, signed by its agent': async (world, shop) => shop(await refund(world)),
  'no token': async (_world, shop) => shop({ ...REFUND, headers: [JSON_TYPE] }),
  'a token for another service': async (world, shop) => shop(await refund(world, { aud: 'https://bank.example.com' })),
  'a token of another issuer': async (world, shop) => shop(await refund(world, { iss: 'https://evil.example.com/' })),
  'a token that has expired': async (world, shop) => {
    const now = Math.floor(Date.now() / 1000)
    return shop(await refund(world, { iat: now - 700, exp: now - 100 }))
  },
  'a token without the scope': async (world, shop) => shop(await refund(world, { scope: 'orders:read' })),
  'the same request a second time': async (world, shop) => {
    const signed = await refund(world)
    await shop(signed)
    return shop(signed)
  },
  'another amount than was sent': async (world, shop) => shop({ ...(await refund(world)), body: '{"amount":900}' }),
  'the token alone, taken from a log': async (world, shop) => {
    const token = ['Authorization', `Bearer ${await world.mint()}`] as const
    return shop({ ...REFUND, headers: [JSON_TYPE, token] })
  },
  'the token in the hands of another agent': async (world, shop) => shop(await refund(world, {}, 'agt_other')),
  'a token of a user who took it back': async (world, shop) => {
    const { issuer, revocations } = world.settings
    revocations.apply({ type: 'user', issuer, subject: 'user_18' })
    return shop(await refund(world, { sub: 'user_18' }))
  },
}

/** Sends the same requests to both programs. */
export async function compare(before: CreateShop, after: CreateShop): Promise<readonly Row[]> {
  const world = await createWorld()
  const shops = await Promise.all([before, after].map((create) => listen(create(world.settings))))
  const rows: Row[] = []
  for (const [request, play] of Object.entries(PLAYS)) {
    const [first = '', second = ''] = await Promise.all(
      shops.map(async ({ port }) => tell(await play(world, (sent) => send(port, sent)))),
    )
    rows.push([request, first, second])
  }
  await Promise.all([...shops.map(({ close }) => close()), world.close()])
  return rows
}

function tell({ status, code }: WireAnswer): string {
  return code === undefined ? `${status}` : `${status} \`${code}\``
}
